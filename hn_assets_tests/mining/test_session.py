"""A dataset is mined, calibrated and audited from its files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.holdout.methods import CHOSEN
from hn_assets.mining.output.ledger_check import check_ledger
from hn_assets.mining.session import MiningSession
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.search import SearchSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets.store import schemas
from hn_assets_tests.mining.dataset_files import write_dataset
from hn_assets_tests.mining.ranked_dataset import RankedDataset

MINING = {"range_min": 0, "range_max": 5, "num_negatives": 4, "sampling": "top"}


def open_session(
    files: MiningFiles,
    filters: FiltersSettings | None = None,
    mining: dict[str, Any] | None = None,
    **options: Any,
) -> MiningSession:
    return MiningSession.open(
        files,
        mining=MiningSettings.model_validate({**MINING, **(mining or {})}),
        filters=filters or FiltersSettings(),
        search=SearchSettings(),
        include_title=True,
        base=files.corpus.parent,
        **options,
    )


def negatives_by_query(table: pa.Table) -> dict[str, list[str]]:
    rows = table.to_pandas()
    return {str(query): list(group.doc_id) for query, group in rows.groupby("query_id")}


def test_what_is_mined_is_sorted_and_the_ledger_holds_the_rest(tmp_path: Path) -> None:
    files = write_dataset(RankedDataset(queries=3, documents=12), tmp_path)
    session = open_session(files)
    chosen, report = session.mine(tmp_path / "ledger.parquet")
    negatives = chosen.table()
    assert negatives.schema == schemas.HARD_NEGATIVES
    assert negatives_by_query(negatives) == {
        query: ["d0", "d1", "d3", "d4"] for query in ("q0", "q1", "q2")
    }
    assert negatives["query_id"].to_pylist() == sorted(negatives["query_id"].to_pylist())
    assert (report.queries, report.enough, session.plan.end) == (3, 3, 5)
    pq.write_table(negatives, tmp_path / "negatives.parquet")
    found = check_ledger(
        tmp_path / "ledger.parquet",
        tmp_path / "negatives.parquet",
        files.candidates,
        files.corpus,
        files.queries,
    )
    assert (found.candidates, found.problems) == (36, [])


def test_filters_read_the_texts_and_a_short_query_is_searched_deeper(tmp_path: Path) -> None:
    files = write_dataset(RankedDataset(queries=2, documents=30, depth=6), tmp_path)
    (tmp_path / "answers.jsonl").write_text('{"query_id": "q1", "answers": ["Number D1"]}\n')
    filters = FiltersSettings(answers="answers.jsonl", max_search_depth=20, max_score=0.965)
    chosen, report = open_session(files, filters).mine(tmp_path / "ledger.parquet")
    negatives = chosen.table()
    assert negatives_by_query(negatives)["q1"] == ["d4", "d5", "d6", "d7"]
    assert report.deepened == 2
    outcomes = pd.read_parquet(tmp_path / "ledger.parquet").astype({"outcome": str})
    # a score above the maximum is the earlier reason
    assert not (outcomes.outcome == "holds an answer").any()
    only = FiltersSettings(answers="answers.jsonl", max_search_depth=0)
    chosen, _ = open_session(files, only).mine(tmp_path / "ledger.parquet")
    negatives = chosen.table()
    assert negatives_by_query(negatives) == {
        "q0": ["d0", "d1", "d3", "d4"],
        "q1": ["d0", "d3", "d4", "d5"],
    }


def test_a_random_document_that_holds_an_answer_is_not_taken(tmp_path: Path) -> None:
    files = write_dataset(RankedDataset(queries=2, documents=30, depth=6), tmp_path)
    (tmp_path / "answers.jsonl").write_text('{"query_id": "q1", "answers": ["Number D25"]}\n')
    filters = FiltersSettings(answers="answers.jsonl", max_search_depth=0)
    # of 27 documents beside the positive and the two that are taken for their rank
    mining = {"num_negatives": 28, "random_share": 0.93, "range_max": 2}
    session = open_session(files, filters, mining=mining)
    assert session.plan.sampling.random_count == 26
    chosen, report = session.mine(tmp_path / "ledger.parquet")
    negatives = chosen.table()
    found = negatives_by_query(negatives)
    assert report.random == 52 and report.enough == 2
    assert "d25" not in found["q1"] and len(set(found["q1"])) == 28
    assert set(found["q1"]) <= {f"d{n}" for n in range(30)} - {"d2"}


def test_a_shortlist_is_scored_and_its_limits_are_obeyed(tmp_path: Path) -> None:
    files = write_dataset(RankedDataset(queries=2, documents=12), tmp_path)
    session = open_session(files)
    shortlist = session.shortlist(3)
    assert shortlist.values.tolist() == [
        [query, document, label]
        for query in ("q0", "q1")
        for document, label in (("d2", 1), ("d0", 0), ("d1", 0), ("d3", 0))
    ]
    texts = session.texts_of(shortlist)
    assert texts[0] == ("what is q0?", "Title d2 this is the passage with the number d2")
    assert len(texts) == len(shortlist)
    scored = shortlist.assign(score=[3.0, 9.0, 1.0, 2.0] * 2)
    path = tmp_path / "teacher_scores.parquet"
    pq.write_table(pa.Table.from_pandas(scored, schemas.TEACHER_SCORES, preserve_index=False), path)
    files = replace(files, teacher_scores=path)
    limits = TeacherSettings(model="any", max_score=5.0)
    with pytest.raises(ValueError, match="needs the file of its scores"):
        open_session(replace(files, teacher_scores=None), teacher=limits).mine(path)
    chosen, _ = open_session(files, teacher=limits).mine(tmp_path / "ledger.parquet")
    negatives = chosen.table()
    assert negatives_by_query(negatives) == {"q0": ["d1", "d3"], "q1": ["d1", "d3"]}
    assert negatives["teacher_score"].to_pylist() == [1.0, 2.0] * 2


def test_a_shortlist_is_spread_over_the_range_for_a_choice_by_teacher_scores(
    tmp_path: Path,
) -> None:
    files = write_dataset(RankedDataset(queries=2, documents=40), tmp_path)
    options = {"sampling": "stratified_by_teacher_score", "range_max": 30, "num_negatives": 3}
    session = open_session(files, mining=options)
    shortlist = session.shortlist(10)
    candidates = shortlist[shortlist.label == 0]
    ranks = candidates[candidates.query_id == "q0"].doc_id.str[1:].astype(int).sort_values()
    assert len(ranks) == 10 and (ranks.diff().dropna() <= 6).all()
    # the teacher finds all but one of each query's candidates easy
    hardest = candidates.groupby("query_id").doc_id.min()
    is_hard = shortlist.doc_id.eq(shortlist.query_id.map(hardest)) & (shortlist.label == 0)
    scored = shortlist.assign(score=is_hard.map({True: 5.0, False: 0.0}))
    path = tmp_path / "teacher_scores.parquet"
    pq.write_table(pa.Table.from_pandas(scored, schemas.TEACHER_SCORES, preserve_index=False), path)
    session = open_session(
        replace(files, teacher_scores=path), mining=options, teacher=TeacherSettings(model="any")
    )
    chosen, report = session.mine(tmp_path / "ledger.parquet")
    negatives = chosen.table()
    assert report.enough == 2
    found = negatives.to_pandas().groupby("query_id").teacher_score.max()
    assert found.tolist() == [5.0, 5.0]
    assert session.plan.method.sampling.method == "stratified"


def test_few_positives_are_enough_to_calibrate(tmp_path: Path) -> None:
    dataset = RankedDataset(queries=4, documents=12)
    dataset.judge("q0", "d5", 1)
    files = write_dataset(dataset, tmp_path)
    filters = FiltersSettings(target_false_negative_rate=0.05)
    found = open_session(files, filters).calibrate()
    assert (found.queries, found.queries_with_two) == (4, 1)
    session = open_session(files, filters, calibration=found)
    measured = session.audit()
    assert measured.queries == 1
    assert CHOSEN in set(measured.methods.method)
