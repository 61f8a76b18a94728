"""A review through the graph: drawn, judged, measured, and its verdicts taken as labels."""

import csv
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from click.testing import CliRunner

from hn_assets.cli import main
from hn_assets.sources.reviewed_labels import read_reviewed_labels
from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.assets.partly_labelled import relevant, write_partly_labelled
from hn_assets_tests.small_models import make_bag_of_words_model

REVIEW = {"num_negatives": 60, "num_positives": 5, "num_random_documents": 5, "num_repeats": 4}
LEFT_OUT = 0.1
Judge = Callable[[str, str], bool]


def make_graph(folder: Path, target: float | None = None, **review: object) -> AnimalsDataset:
    model = folder / "model"
    if not model.exists():
        make_bag_of_words_model(model)
    if not (folder / "raw").exists():
        (folder / "raw").mkdir(parents=True)
        write_partly_labelled(folder / "raw")
    return AnimalsDataset(
        folder,
        mining={
            "num_negatives": 5,
            "range_min": 0,
            "range_max": 20,
            "evaluation_split": "",
            "sampling": "random",
        },
        filters={"target_false_negative_rate": target},
        # a model whose vectors cost nothing
        encoding={"model": str(model), "pooling": "mean", "normalize": False},
        review={**REVIEW, **review},
        suspect_positives={"max_rows": 20, "leave_out_share": LEFT_OUT},
    )


def judge(graph: AnimalsDataset, path: Path, is_relevant: Judge = relevant) -> None:
    """Fill in the CSV of the sample as a person would."""
    with graph.file("review_sample", "review_sample.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["verdict"] = (
            "relevant" if is_relevant(row["query_id"], row["doc_id"]) else "not relevant"
        )
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[AnimalsDataset, dg.ExecuteInProcessResult]:
    graph = make_graph(tmp_path_factory.mktemp("review"))
    return graph, graph.materialize()


@pytest.fixture(scope="module")
def judged(drawn, tmp_path_factory) -> tuple[AnimalsDataset, dg.ExecuteInProcessResult]:
    folder = tmp_path_factory.mktemp("judged")
    drawn[0].copied_to(folder)
    graph = make_graph(folder, verdicts="verdicts.csv")
    judge(graph, folder / "verdicts.csv")
    return graph, graph.materialize()


def test_the_sample_says_beforehand_what_it_can_show(drawn) -> None:
    found = told(drawn[1])["review_sample"]
    assert found["negatives"] == 60
    assert found["known_positives"] == found["random_documents"] == 5
    assert found["shown_twice"] == 4
    assert "if none of the negatives is relevant, at most" in found["what_it_can_show"]
    assert "review_result" not in told(drawn[1])


def test_nothing_that_a_reviewer_sees_says_what_an_item_is(drawn) -> None:
    graph, _ = drawn
    sample = pd.read_parquet(graph.file("review_sample", "review_sample.parquet"))
    shown = pd.read_csv(graph.file("review_sample", "review_sample.csv"), dtype=str)
    assert set(shown.columns) == {
        "sample",
        "item",
        "query_id",
        "doc_id",
        "verdict",
        "query",
        "passage",
        "positive",
    }
    assert list(shown.doc_id) == list(sample.doc_id)
    # the kinds are mixed: none of them stands together
    assert (sample.kind != sample.kind.shift()).sum() > 12
    page = graph.file("review_sample", "review.html").read_text()
    assert "inclusion" not in page
    assert '"kind"' not in page


def test_the_next_run_measures_the_rate(drawn, judged) -> None:
    _, result = judged
    found = told(result)["review_result"]
    negatives = drawn[0].negatives()
    wrong = [relevant(q, d) for q, d in zip(negatives.query_id, negatives.doc_id, strict=True)]
    true = sum(wrong) / len(wrong)
    low, high = (
        float(end) / 100
        for end in found["false_negative_rate_95_percent"].rstrip("%").split("% to ")
    )
    assert true > 0.02
    assert low <= true <= high
    assert found["false_negative_rate_kind"] == "measured"
    assert found["negatives_judged"] == 60
    assert found["known_positives_missed"] == "0 of 5"
    assert found["judged_twice_alike"] == "4 of 4"


def test_relevant_verdicts_become_positives_and_no_positive_is_taken_away(drawn, judged) -> None:
    before = pd.read_parquet(drawn[0].file("qrels", "qrels.parquet"))
    after = pd.read_parquet(judged[0].file("qrels", "qrels.parquet"))
    sample = pd.read_csv(judged[0].folder / "verdicts.csv")
    said = sample[sample.verdict == "relevant"]

    def pairs(rows: pd.DataFrame) -> set[tuple[str, str]]:
        return set(zip(rows.query_id, rows.doc_id, strict=True))

    assert pairs(after[after.score > 0]) == pairs(before[before.score > 0]) | pairs(said)
    assert pairs(said) - pairs(before)
    assert not pairs(said) & pairs(judged[0].negatives())


def test_a_new_sample_is_drawn_and_the_earlier_one_is_remembered(drawn, judged) -> None:
    (old,) = pd.read_parquet(drawn[0].file("review_sample", "review_sample.parquet"))[
        "sample"
    ].unique()
    names = pd.read_parquet(judged[0].file("review_sample", "review_sample.parquet"))["sample"]
    new = told(judged[1])["review_sample"]["sample"]
    assert list(names.unique()) == [new, old]
    assert new != old
    assert told(judged[1])["review_result"]["sample"] == old


def test_the_check_judges_by_the_verdicts(drawn, judged) -> None:
    def checks(run: dg.ExecuteInProcessResult) -> dict[str, str]:
        return {
            e.asset_key.path[-1]: e.description or ""
            for e in run.get_asset_check_evaluations()
            if e.check_name == "false_negative_rate"
        }

    assert list(checks(drawn[1])) == ["false_negative_audit"]
    ((stage, said),) = checks(judged[1]).items()
    assert stage == "review_result"
    assert "measured on 60 negatives" in said


def test_nothing_changed_nothing_is_drawn_or_measured_again(judged) -> None:
    again = told(judged[0].materialize())
    assert again["review_sample"]["unchanged"]
    assert again["review_result"]["unchanged"]


def test_the_most_suspicious_positives_are_left_out_of_training(drawn) -> None:
    graph, result = drawn
    found = pd.read_parquet(graph.file("suspect_positives", "suspect_positives.parquet"))
    left_out = found[found.is_left_out]
    assert len(left_out) == 16
    assert left_out.suspicion.min() >= found.suspicion[~found.is_left_out].max()
    assert told(result)["suspect_positives"]["left_out_of_training"] == 16
    assert told(result)["training_set"]["suspect_positives_left_out"] == 16
    assert told(result)["training_set"]["positives"] == 160 - 16
    ids = pd.read_parquet(graph.file("training_set", "ids.parquet"))
    trained_on = set(zip(ids.query_id, ids.doc_id, strict=True))
    suspects = set(zip(left_out.query_id, left_out.doc_id, strict=True))
    assert not suspects & trained_on
    negatives = graph.negatives()
    assert not suspects & set(zip(negatives.query_id, negatives.doc_id, strict=True))


def test_suspects_are_listed_for_people(drawn) -> None:
    graph, result = drawn
    listed = pd.read_csv(graph.file("suspect_positives", "suspect_positives.csv"))
    assert len(listed) == told(result)["suspect_positives"]["listed"] == 20
    assert listed.verdict.isna().all()
    page = graph.file("suspect_positives", "suspects.html").read_text()
    assert "Another positive of the query" in page
    # what is judged on it is read back as any reviewed label
    assert read_reviewed_labels(graph.file("suspect_positives", "suspect_positives.csv")) == {}


def test_show_says_what_was_measured_and_what_is_to_be_judged(drawn, judged, monkeypatch) -> None:
    def show(graph: AnimalsDataset) -> str:
        monkeypatch.chdir(graph.folder)
        shown = CliRunner().invoke(main, ["show", "animals"])
        assert shown.exit_code == 0, shown.output
        return shown.output

    before, after = show(drawn[0]), show(judged[0])
    assert "By people's verdicts" not in before
    assert "To judge: " in before
    assert "review.html" in before
    assert "measured on 60 negatives" in " ".join(after.split())


def test_the_report_shows_what_people_found(drawn, judged) -> None:
    page = judged[0].file("report", "report.html").read_text()
    rate = told(judged[1])["review_result"]["false_negative_rate"]
    assert "By people&#39;s verdicts" in page or "By people's verdicts" in page
    assert f"<b>{100 * rate:.2f} %</b>" in page
    assert "the reviewer missed 0 of 5" in " ".join(page.split())
    assert "people's verdicts" not in drawn[0].file("report", "report.html").read_text()
