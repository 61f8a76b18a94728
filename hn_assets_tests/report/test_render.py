"""The page shows what matters, escapes what it quotes, and can be read offline."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hn_assets.report.render import headline, render_report
from hn_assets_tests.report.refresh_files import DRIFT, MARKUP, history, make_summary

PNG = b"\x89PNG not really"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render_report("toy", make_summary(tmp_path_factory.mktemp("refresh")), PNG)


def test_texts_are_escaped(page: str) -> None:
    assert MARKUP not in page
    assert "&lt;script&gt;alert(" in page
    assert "what is &lt;0&gt; &amp; why" in page
    assert "2.0% of &lt;them&gt; were found" in page


def test_nothing_is_fetched_from_another_address(page: str) -> None:
    fetched = re.findall(r'(?:src|href)="([^"]*)"', page) + re.findall(r"url\(([^)]*)\)", page)
    assert fetched
    assert all(target.startswith(("data:", "#")) for target in fetched)
    # the names of SVG's namespaces look like addresses, and nobody opens them
    assert set(re.findall(r"https?://[^\"'\s]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_checks_that_did_not_pass_are_named_before_the_details(page: str) -> None:
    assert "Only if this is meant: 1 check failed" in page
    before = page.partition("<details>")[0]
    assert "positives_are_found: accepted" in before
    assert "false_negative_rate: warned" in before
    assert "ids_are_unique" not in before
    assert "ids_are_unique" in page


def test_the_page_holds_charts_methods_and_changes(page: str) -> None:
    assert page.count("<svg ") == 4
    assert "data:image/png;base64,iVBORyBub3QgcmVhbGx5" in page
    assert "these settings (hardness 1, 20 % random documents)" in page
    assert "0.80" in page, "the rate of these settings in percent"
    assert "-0.0123" in page, "the change of the negatives' mean score"
    assert "2025-03-03 06:00:00 UTC" in page


def test_several_retrievers_are_told_apart(page: str, tmp_path: Path) -> None:
    assert "Who found them" not in page
    one = {"ndcg_at_10": 0.25, "recall_at_100": 0.5, "mrr_at_10": 0.75}
    past = [*history()[:-1], {**history()[-1], "retrievers": {"dense": one, "bm25": one}}]
    row = {"source": "bm25", "negatives": 9, "share": 0.75, "mean score": 0.5, "mean margin": -0.25}
    shifted = replace(DRIFT, retriever_shift={"bm25": 0.125})
    shown = render_report(
        "toy",
        make_summary(tmp_path, sources=[row], history=past, drift=shifted),
        PNG,
    )
    section = shown.partition("Who found them")[2].partition("<h2>")[0]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", section)
    assert cells[:5] == ["bm25", "9", "75.0", "0.500", "-0.250"]
    assert cells[5:9] == ["dense", "0.2500", "0.5000", "0.7500"]
    assert cells[13] == "all, joined" and "relevant by the model" not in section
    assert "change of the share of negatives that bm25 found</td>" in shown
    assert "+12.5%" in shown
    calibrated = make_summary(tmp_path, sources=[{**row, "mean probability": 0.0125}], history=past)
    assert "1.25" in render_report("toy", calibrated, PNG).partition("Who found them")[2]


def test_the_headline_holds_the_figures_to_see_first(tmp_path: Path) -> None:
    tiles = {
        tile["name"]: (tile["value"], tile["note"]) for tile in headline(make_summary(tmp_path))
    }
    assert tiles["queries mined"] == ("3", "4 negatives wanted each")
    assert tiles["with enough negatives"] == (
        "66.7%",
        "12 negatives in all; queries not searched deeper for the budget: 1",
    )
    assert tiles["false-negative rate"] == ("0.80 %", "measured; 95 % interval: 0.60 to 1.10")
    assert tiles["nDCG@10"] == ("0.5400", "+0.0100 since the last good refresh")
    assert tiles["negatives kept"] == ("88%", "since the last good refresh")


def test_a_first_refresh_in_which_nothing_was_measured(tmp_path: Path) -> None:
    methods = make_summary(tmp_path).methods.head(0)
    summary = make_summary(
        tmp_path, methods=methods, history=[], drift=None, ndcg_before=None, negatives=0
    )
    page = render_report("toy", summary, None)
    assert "Nothing could be measured" in page
    assert "This is the first refresh." in page
    assert "<img" not in page
    assert page.count("<svg ") == 1
    assert {tile["value"] for tile in headline(summary)} >= {"?"}


def test_equal_input_gives_an_equal_page(page: str, tmp_path: Path) -> None:
    assert render_report("toy", make_summary(tmp_path), PNG) == page


def test_no_text_turns_the_direction_of_the_page(tmp_path: Path) -> None:
    summary = make_summary(tmp_path)
    page = render_report("toy\u202e\x1b", summary, PNG)
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "<svg" in page, "pictures are markup"
