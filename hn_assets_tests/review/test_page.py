"""The page of a review in a real browser: read, judged by keys, undone, kept, and saved."""

import csv
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hn_assets.review.page import MAX_CHARACTERS, PageItem, PageWords, render_page
from hn_assets.sources.verdicts import read_verdicts
from hn_assets_tests.chromium import Browser, open_browser

HOSTILE = [
    "</script><script>window.attacked = 1</script><!--",
    "<img src=x onerror='window.attacked = 1'> & &lt;b&gt;",
    "abc \u202egnp.exe\u2066 \x1b[2J \x00 end",
    "\u0647\u0644 \u0647\u0630\u0627 \u062c\u0648\u0627\u0628\u061f",
    "x" * 200_000,
    "${window.attacked = 1} {{ 7 * 7 }} \ud800 \u2028 `",
]
WORDS = PageWords(
    title="animals <b>: are these relevant?",
    question="Does this passage answer the query?",
    intro=("First & foremost, <i>read</i>.",),
    file_name="verdicts-animals-s1.csv",
)


def make_items() -> list[PageItem]:
    return [
        PageItem(
            number,
            f"q{number}" if number != 3 else '=1+1,"x"',
            f"d{number}",
            f"query {number} {text[:500]}",
            f"passage {number} {text}",
            [("A known positive", f"positive {number} {text}")],
        )
        for number, text in enumerate(HOSTILE, 1)
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "review.html"
    path.write_text(render_page("s1", make_items(), WORDS), encoding="utf-8")
    return path


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with open_browser(tmp_path) as opened:
        yield opened


def test_the_page_needs_nothing_and_no_text_is_part_of_its_markup(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://|src=|@import|url\(", text.split('id="data"')[0])
    assert text.count("<script") == 2
    data = text.split('id="data">')[1].split("</script>")[0]
    assert "<" not in data
    shown = json.loads(data)["items"]
    assert shown[4]["passage"].endswith("… (cut here)")
    assert len(shown[4]["passage"]) < MAX_CHARACTERS + 20
    assert shown[2]["passage"] == "passage 3 abc gnp.exe [2J  end"
    assert "animals &lt;b&gt;" in text


def test_from_opening_to_saved_verdicts(page: Path, browser: Browser, tmp_path: Path) -> None:
    browser.open(page)
    assert browser.text("#count").startswith("0 of 6 judged, this is number 1")
    for number, word in enumerate(("r", "n", "u", "n", "r"), 1):
        assert browser.text("#query").startswith(f"query {number} ")
        assert browser.text("#passage").startswith(f"passage {number} ")
        assert browser.text("#beside .text").startswith(f"positive {number} ")
        browser.press(word)
    assert browser.run("document.querySelector('#how').open") is False
    browser.press("z")
    assert browser.text("#count").startswith("4 of 6 judged, this is number 5")
    browser.press("n")
    # what was judged can be looked at, and judged in another way
    for _ in range(5):
        browser.press("ArrowLeft")
    assert browser.text("#said") == "You said: relevant"
    assert browser.run("document.querySelector('[aria-pressed=true]').dataset.verdict") == (
        "relevant"
    )
    browser.press("n")
    assert browser.text("#count").startswith("5 of 6 judged, this is number 6")
    browser.run("document.querySelector('[data-verdict=relevant]').click()")
    assert browser.text("#said").endswith("All are judged: save the verdicts.")
    assert browser.run("document.querySelector('#bar').value") == 6
    browser.press("s")
    saved = tmp_path / WORDS.file_name
    end = time.monotonic() + 30
    while not saved.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    verdicts = read_verdicts(saved)
    assert [verdict.is_relevant for verdict in verdicts] == [False, False, None, False, False, True]
    assert verdicts[2].query_id == '=1+1,"x"'
    assert {verdict.sample for verdict in verdicts} == {"s1"}
    assert [verdict.item for verdict in verdicts] == [1, 2, 3, 4, 5, 6]
    with saved.open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == ["sample", "item", "query_id", "doc_id", "verdict"]
    assert browser.run("window.attacked") is None
    assert not [e for e in browser.events if e["method"] in ("Runtime.exceptionThrown",)]
    assert not [e for e in browser.events if e["method"] == "Log.entryAdded"], browser.events
    # only what is marked as dangerous is changed: the rest is shown letter for letter
    for _ in range(5):
        browser.press("ArrowLeft")
    assert browser.text("#passage") == f"passage 1 {HOSTILE[0]}"
    assert browser.run("document.body.scrollWidth <= window.innerWidth")


def test_verdicts_are_there_when_the_browser_is_opened_again(page: Path, tmp_path: Path) -> None:
    with open_browser(tmp_path) as browser:
        browser.open(page)
        browser.press("r")
        # held down, a key judges once; with Ctrl it is the browser's
        browser.press("n", autoRepeat=True)
        browser.press("n", modifiers=2)
        assert browser.text("#count").startswith("1 of 6")
    with open_browser(tmp_path) as browser:
        browser.open(page)
        assert browser.text("#count").startswith("1 of 6 judged, this is number 2")
        browser.press("z")
        assert browser.text("#count").startswith("0 of 6 judged, this is number 1")


def test_a_script_in_a_text_could_not_run(page: Path, browser: Browser, tmp_path: Path) -> None:
    """The page's policy is the second wall: it stops what gets into the markup all the same."""
    injected = page.read_text(encoding="utf-8").replace(
        "<main>", "<main><script>window.attacked = 1</script><img src='http://127.0.0.1:9/'>"
    )
    (tmp_path / "injected.html").write_text(injected, encoding="utf-8")
    browser.open(tmp_path / "injected.html")
    browser.press("r")
    assert browser.text("#count").startswith("1 of 6")
    assert browser.run("window.attacked") is None
    said = " ".join(
        e["params"]["entry"]["text"] for e in browser.events if e["method"] == "Log.entryAdded"
    )
    assert "Content Security Policy" in said
