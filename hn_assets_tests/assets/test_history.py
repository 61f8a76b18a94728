"""Quality over time, drift, and the page of a refresh."""

import json
import re
from pathlib import Path

import pytest

from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.assets.test_refresh import make_dataset, rewrite_corpus


def test_quality_is_that_of_the_rankings_with_the_last_beside_it(
    tmp_path: Path, model: Path
) -> None:
    graph = AnimalsDataset(tmp_path)
    first = told(graph.materialize())["retrieval_quality"]
    assert first["queries"] == 6
    assert first["recall_at_10"] <= first["recall_at_depth"] == 1
    assert 0.3 < first["ndcg_at_10"] <= 1
    assert first["measured_before"] == "never"
    kept = json.loads(graph.file("retrieval_quality", "retrieval_quality.json").read_text())
    assert kept["ndcg_at_10"] == pytest.approx(first["ndcg_at_10"], abs=1e-5)
    # the same collection, ranked by random weights
    other = make_dataset(tmp_path, model, checks={"max_ndcg_drop": 1})
    second = told(other.materialize())["retrieval_quality"]
    assert second["ndcg_at_10"] < first["ndcg_at_10"]
    (row,) = (r.data for r in second["compared"].records if r.data["measure"] == "ndcg_at_10")
    assert row["before"] == pytest.approx(first["ndcg_at_10"], abs=1e-4)
    assert row["change"] == pytest.approx(row["now"] - row["before"], abs=2e-4)
    history = other.store.stage("retrieval_quality").require().info["history"]
    assert [h["ndcg_at_10"] for h in history] == pytest.approx(
        [first["ndcg_at_10"], second["ndcg_at_10"]], abs=1e-5
    )


def test_without_an_evaluation_split_nothing_is_measured_and_all_goes_on(
    tmp_path: Path, model: Path
) -> None:
    graph = make_dataset(tmp_path, model, mining={"evaluation_split": ""})
    found = told(graph.materialize())
    assert found["retrieval_quality"]["queries"] == 0
    assert "mining.evaluation_split names it" in found["retrieval_quality"]["not_measured"]
    assert found["training_set"]["queries"] > 0
    assert "Quality" not in graph.file("report", "report.html").read_text()


def test_drift_is_told_of_what_was_changed(tmp_path: Path, model: Path) -> None:
    graph = make_dataset(tmp_path, model, checks={"max_ndcg_drop": 1})
    assert told(graph.materialize())["drift"]["compared_with"].startswith("nothing")
    rewrite_corpus(
        graph,
        lambda rows: [
            *(
                {**row, "text": "All of it is new."} if i == 3 else row
                for i, row in enumerate(rows)
            ),
            {"_id": "new", "title": "", "text": "A new one."},
        ],
    )
    found = told(graph.materialize())["drift"]
    assert (found["documents_added"], found["documents_changed"]) == (1, 1)
    assert found["documents_removed"] == 0
    assert 0 < found["overlap"] < 1
    assert found["queries_kept"] == 18
    again = told(graph.materialize())["drift"]
    assert again["unchanged"]
    assert again["documents_added"] == 1  # what changed last stays to be read


def test_the_page_needs_nothing_beside_it_and_says_what_was_mined(
    tmp_path: Path, model: Path
) -> None:
    graph = make_dataset(tmp_path, model)
    result = told(graph.materialize())
    path = graph.file("report", "report.html")
    page = path.read_text(encoding="utf-8")
    assert Path(result["report"]["report"]).resolve() == path.resolve()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page.replace("xlink:href", ""))
    assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert page.count("<svg") == 4
    assert "18" in page.partition("queries mined")[2][:60]
    assert "This is the first refresh." in page
    assert re.search(r"Yes: the \d\d checks of this refresh passed\.", page)
    assert "each has an id of its own" in page
    negatives = graph.negatives()
    shown = page.partition("queries to read")[2]
    assert shown.count("<details") == negatives.query_id.nunique() == 18
    assert negatives.doc_id.iloc[0] in shown
    rewrite_corpus(graph, lambda rows: rows[:-1])
    graph.materialize()
    assert "documents removed" in graph.file("report", "report.html").read_text(encoding="utf-8")


def test_the_page_says_where_a_check_warned_or_has_not_looked(tmp_path: Path, model: Path) -> None:
    # a target that no threshold is estimated to meet, and that leaves queries without negatives
    graph = make_dataset(
        tmp_path,
        model,
        filters={"target_false_negative_rate": 1e-6},
        checks={"min_full_query_share": 0.0},
    )
    found = told(graph.materialize())["report"]["can_i_train_on_it"]
    assert re.fullmatch(r"Yes, but read the warnings first: 1 check of \d\d warned\.", found)
    page = graph.file("report", "report.html").read_text(encoding="utf-8")
    assert "nothing could be measured, as no query has two positives; the estimated rate is" in page
    other = make_dataset(tmp_path, model, mining={"num_negatives": 3})
    result = told(other.materialize("hard_negatives", "drift", "report"))
    assert "checks have not looked at these files" in result["report"]["can_i_train_on_it"]


def test_markup_in_a_text_is_shown_and_not_obeyed(tmp_path: Path, model: Path) -> None:
    graph = make_dataset(tmp_path, model)
    rewrite_corpus(
        graph, lambda rows: [{**row, "text": f"<script>x</script> {row['text']}"} for row in rows]
    )
    graph.materialize()
    page = graph.file("report", "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
