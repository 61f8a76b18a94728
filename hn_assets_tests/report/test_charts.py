"""Charts hold what they show, and equal input gives equal bytes."""

from pathlib import Path

import numpy as np
import pytest

from hn_assets.report.charts import draw_outcomes, draw_quality, draw_ranks, draw_scores
from hn_assets.report.rate_against_hardness import draw_rate_against_hardness
from hn_assets_tests.report.refresh_files import history, write_methods

SCORES = np.linspace(0, 1, 50, dtype=np.float32)
CHARTS = {
    "scores": (lambda: draw_scores(SCORES, SCORES[:9]), "chosen negatives"),
    "ranks": (lambda: draw_ranks(np.arange(300, dtype=np.int32)), "rank of the negative"),
    "quality": (lambda: draw_quality(history()), "nDCG@10"),
    "one refresh": (lambda: draw_quality(history(1)), "2025-03-01"),
    "outcomes": (lambda: draw_outcomes({"chosen": 3, "positive": 1}), "75.0"),
    "one rank": (lambda: draw_ranks(np.zeros(5, np.int32)), "negatives"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_an_svg_element_that_the_page_sizes(name: str) -> None:
    draw, text = CHARTS[name]
    svg = draw()
    head = svg.partition(">")[0]
    assert head.startswith("<svg ")
    assert "viewBox" in head
    assert "width=" not in head
    assert text in svg
    assert draw() == svg


def test_the_picture_of_the_audit_is_a_small_png(tmp_path: Path) -> None:
    methods = write_methods(tmp_path / "audit.parquet")
    png = draw_rate_against_hardness(methods, "toy: 300 queries")
    assert png.startswith(b"\x89PNG")
    assert len(png) < 100_000
    assert draw_rate_against_hardness(methods, "toy: 300 queries") == png


def test_the_picture_needs_no_method_but_one(tmp_path: Path) -> None:
    methods = write_methods(tmp_path / "audit.parquet")
    assert draw_rate_against_hardness(methods[methods.method == "top 4"], "").startswith(b"\x89PNG")
