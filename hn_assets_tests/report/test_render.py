"""The page shows what matters, escapes what it quotes, and can be read offline."""

import re
from pathlib import Path

import pytest

from hn_assets.report.render import headline, render_report
from hn_assets_tests.report.refresh_files import MARKUP, make_summary

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


def test_the_headline_holds_the_figures_to_see_first(tmp_path: Path) -> None:
    tiles = {
        tile["name"]: (tile["value"], tile["note"]) for tile in headline(make_summary(tmp_path))
    }
    assert tiles["queries mined"] == ("3", "4 negatives wanted each")
    assert tiles["with enough negatives"] == ("66.7%", "12 negatives in all")
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
