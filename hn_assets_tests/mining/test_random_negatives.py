"""Documents from anywhere in the corpus stand among the negatives, as many as were asked for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.mining.mine_block import mine_block
from hn_assets.mining.output.chosen_negatives import ChosenNegatives, number_negatives
from hn_assets.mining.output.explain import describe
from hn_assets.mining.output.ledger import to_ledger
from hn_assets.mining.output.ledger_check import check_ledger
from hn_assets.mining.output.mining_report import MiningReport
from hn_assets.mining.output.shortlist import to_shortlist
from hn_assets.mining.rules.reasons import CHOSEN
from hn_assets.mining.rules.sampling import Sampling
from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.mining.ranked_dataset import (
    RankedDataset,
    Teacher,
    write_candidates,
    write_ids,
)

TOP_OF_TEN: dict[str, Any] = {"range_min": 0, "range_max": 10, "num_negatives": 5}


def mine(
    dataset: RankedDataset,
    filters: FiltersSettings | None = None,
    *,
    teacher: Teacher | None = None,
    **options: Any,
) -> tuple[pd.DataFrame, MiningReport, pa.Table]:
    """The negatives, what came of mining, and the ledger."""
    miner = dataset.miner(filters, teacher=teacher, **{**TOP_OF_TEN, **options})
    indexed = dataset.indexed
    mined = list(miner.mine(dataset.block()))
    chosen = ChosenNegatives(map(number_negatives, mined), indexed, miner.positive_scores)
    ledger = pa.concat_tables([to_ledger(m, indexed) for m in mined])
    return chosen.table().to_pandas(integer_object_nulls=True), miner.report(), ledger


def drawn(negatives: pd.DataFrame) -> set[tuple[str, str]]:
    some = negatives[negatives.source == "random"]
    return set(zip(some.query_id, some.doc_id, strict=True))


@pytest.mark.parametrize(
    ("share", "count", "expected"),
    [(0, 15, 0), (0.1, 15, 2), (0.09, 15, 1), (0.5, 5, 3), (0.05, 9, 0), (1, 7, 7)],
)
def test_the_share_is_rounded_with_a_half_up(share: float, count: int, expected: int) -> None:
    sampling = Sampling("top", count, random_share=share)
    assert (sampling.random_count, sampling.ranked_count) == (expected, count - expected)


@pytest.mark.parametrize(("share", "random"), [(0, 0), (0.2, 1), (0.4, 2), (1, 5)])
def test_the_share_is_exact_and_the_others_are_taken_as_before(share: float, random: int) -> None:
    dataset = RankedDataset(queries=20, documents=80, depth=12)
    negatives, report, _ = mine(dataset, random_share=share)
    assert (report.enough, report.negatives, report.random) == (20, 100, 20 * random)
    assert (
        negatives.groupby("query_id").source.agg(lambda s: (s == "random").sum()).eq(random).all()
    )
    assert not negatives.duplicated(["query_id", "doc_id"]).any()
    best = ["d0", "d1", "d3", "d4", "d5"][: 5 - random]
    for _, ranked in negatives[negatives.source == "dense"].groupby("query_id"):
        assert list(ranked.doc_id) == best


def test_random_documents_have_the_scores_of_any_pair() -> None:
    dataset = RankedDataset(queries=5, documents=80, depth=12)
    negatives, _, _ = mine(dataset, random_share=0.6)
    some = negatives[negatives.source == "random"]
    number = some.doc_id.str[1:].astype(int)
    assert some.score.to_numpy(float) == pytest.approx(1 - number / 100, abs=1e-6)
    assert some.margin.to_numpy(float) == pytest.approx(some.score - 0.98, abs=1e-6)
    is_candidate = number < 12
    assert some["rank"].isna().tolist() == (~is_candidate).tolist()
    assert list(some["rank"][is_candidate]) == list(number[is_candidate])
    assert all(list(ids) == ["d2"] for ids in some.positive_ids)


def test_what_is_never_a_negative_is_never_drawn() -> None:
    dataset = RankedDataset(queries=60, documents=24, depth=6)
    for document in ("d8", "d9", "d10"):
        dataset.judge("q0", document, 1)
    texts = dataset.texts.documents.copy()
    texts[11] = texts[2]  # the text of the positive
    texts[12] = dataset.texts.empty
    texts[13] = dataset.texts.queries[0]
    texts[15:] = texts[14]  # one text many times
    dataset.texts = replace(dataset.texts, documents=texts)
    negatives, report, _ = mine(dataset, num_negatives=4, range_max=3, random_share=0.5)
    found = drawn(negatives)
    assert len(found) == 120 and report.enough == 60
    assert not {(f"q{i}", doc) for i in range(60) for doc in ("d2", "d11", "d12")} & found
    assert not {("q0", doc) for doc in ("d8", "d9", "d10", "d13")} & found
    assert "d13" in {doc for _, doc in found}  # it has the text of another query only
    codes = negatives.doc_id.map(dict(zip(dataset.document_vectors.ids, texts, strict=True)))
    assert not negatives.assign(text=codes).duplicated(["query_id", "text"]).any()


def test_a_candidate_that_a_rule_rejected_is_not_drawn_either() -> None:
    dataset = RankedDataset(queries=100, documents=30, depth=30)
    filters = FiltersSettings(max_score=0.85, max_search_depth=0)
    options = {"num_negatives": 6, "range_min": 3, "range_max": 20, "random_share": 0.5}
    negatives, _, _ = mine(dataset, filters, **options)
    numbers = {int(doc[1:]) for _, doc in drawn(negatives)}
    # d0 to d14 score too high, and the next three are taken for their rank
    assert numbers == set(range(18, 30))
    unfiltered, _, _ = mine(dataset, **options)
    numbers = {int(doc[1:]) for _, doc in drawn(unfiltered)}
    # d0, d1 and d3 rank before the range, which ends with d20
    assert numbers == set(range(7, 30))


def test_a_document_beyond_the_ranking_is_held_to_the_filters_of_relevance() -> None:
    dataset = RankedDataset(queries=40, documents=60, depth=5)
    # nothing scores below 0.4; min_score does not ask for hard documents where chance decides
    filters = FiltersSettings(max_score=0.8, min_score=0.75, max_search_depth=0)
    negatives, report, _ = mine(dataset, filters, range_max=5, random_share=0.4)
    numbers = {int(doc[1:]) for _, doc in drawn(negatives)}
    assert min(numbers) >= 20 and max(numbers) > 40
    assert (report.too_few, report.random) == (40, 80)


def test_a_shortage_of_candidates_is_not_padded_with_random_documents() -> None:
    dataset = RankedDataset(queries=10, documents=60, depth=20)
    negatives, report, _ = mine(dataset, range_max=3, num_negatives=10, random_share=0.3)
    # the range holds three candidates beside the positive
    assert negatives.groupby("query_id").size().eq(6).all()
    assert (report.too_few, report.enough, report.random) == (10, 0, 30)
    few = RankedDataset(queries=2, documents=6)
    negatives, report, _ = mine(few, range_max=2, num_negatives=10, random_share=0.8)
    # five documents beside the positive: two are taken for their rank, three are left to be drawn
    assert negatives.groupby("query_id").size().eq(5).all()
    assert (report.too_few, report.random) == (2, 6)


def test_a_query_with_too_few_is_dropped_with_its_random_documents() -> None:
    dataset = RankedDataset(queries=3, documents=40, depth=20)
    for number in range(1, 10):
        dataset.judge("q1", f"d{number}", 1)
    options = {"range_counts": "including_positives", "num_negatives": 6, "random_share": 0.34}
    negatives, report, ledger = mine(dataset, **options, range_max=6, on_shortage="drop")
    assert set(negatives.query_id) == {"q0", "q2"}
    assert (report.dropped, report.negatives, report.random) == (1, 12, 4)
    rows = ledger.to_pandas()
    dropped = rows[(rows.query_id == "q1") & (rows.outcome == "query dropped")]
    assert (dropped.source == "random").sum() == 2


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(50)), seed=st.integers(0, 2**64))
def test_the_draws_do_not_depend_on_the_order_of_the_corpus(order: list[int], seed: int) -> None:
    dataset, shuffled = (RankedDataset(queries=4, documents=50, depth=12) for _ in range(2))
    vectors = dataset.document_vectors
    shuffled.document_vectors.ids = vectors.ids.select(np.array(order))
    shuffled.document_vectors.vectors = vectors.vectors[order]
    shuffled.texts = replace(dataset.texts, documents=dataset.texts.documents[order])
    options = {"random_share": 0.6, "seed": seed}
    assert drawn(mine(dataset, **options)[0]) == drawn(mine(shuffled, **options)[0])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_a_new_document_changes_few_of_the_draws(seed: int) -> None:
    before, after = (
        drawn(mine(RankedDataset(100, count, 12), random_share=0.6, seed=seed)[0])
        for count in (90, 91)
    )
    assert len(before) == len(after) == 300
    assert len(before - after) < 30
    another = drawn(mine(RankedDataset(100, 90, 12), random_share=0.6, seed=seed + 1)[0])
    assert len(before - another) > 200


def test_the_ledger_holds_the_draws_as_what_they_are(tmp_path: Path) -> None:
    dataset = RankedDataset(queries=8, documents=40, depth=15)
    negatives, report, ledger = mine(dataset, random_share=0.6)
    files = {name: tmp_path / f"{name}.parquet" for name in ("ledger", "negatives", "candidates")}
    write_candidates(dataset, files["candidates"])
    pq.write_table(ledger, files["ledger"])
    pq.write_table(pa.Table.from_pandas(negatives, preserve_index=False), files["negatives"])
    found = check_ledger(**files, **write_ids(dataset, tmp_path))
    apart = int(negatives["rank"].isna().sum())
    assert (found.problems, found.candidates) == ([], 8 * 15 + apart)
    assert 0 < apart < report.random == 24
    assert report.candidates == 8 * 15
    rows = ledger.to_pylist()
    assert {row["source"] for row in rows if row["outcome"] != CHOSEN} == {"dense"}
    for row in rows:
        if row["source"] == "random":
            said = describe(row)
            assert "is a negative of query" in said and "drawn at random" in said
            assert "None" not in said and "nan" not in said
            assert ("not among the candidates" in said) == (row["rank"] is None)


def test_a_teacher_scores_the_draws_and_its_limits_hold_for_them(tmp_path: Path) -> None:
    dataset = RankedDataset(queries=6, documents=40, depth=15)
    options = {**TOP_OF_TEN, "random_share": 0.4}
    longer = dataset.miner(**{**options, "num_negatives": 10})
    mined = mine_block(longer, dataset.block(), with_ledger=False)
    shortlist = to_shortlist(mined.negatives, dataset.indexed)
    assert shortlist.groupby("query_id").size().eq(11).all()
    asked = set(shortlist.doc_id)
    scores = {doc: 2.0 if int(doc[1:]) % 5 == 0 else 0.1 for doc in sorted(asked)}
    teacher = dataset.teacher(tmp_path, scores, max_score=1.0, min_score=0.05)
    negatives, report, _ = mine(dataset, teacher=teacher, **options)
    assert report.random == 12
    assert negatives.teacher_score.notna().all()
    assert not any(int(doc[1:]) % 5 == 0 for doc in negatives.doc_id)
    unscored = dataset.teacher(tmp_path, {"d2": 3.0, "d4": 0.1, "d30": 0.1})
    negatives, report, _ = mine(dataset, teacher=unscored, **options)
    assert {doc for _, doc in drawn(negatives)} <= {"d4", "d30"}
    # what the teacher calls too easy is what a random document is meant to be
    strict = dataset.teacher(tmp_path, dict.fromkeys(scores, 0.1), min_score=0.5)
    negatives, report, _ = mine(dataset, teacher=strict, **options)
    assert set(negatives.source) == {"random"} and report.random == 12


def test_most_queries_are_filled_by_the_first_draws_and_the_others_draw_again() -> None:
    dataset = RankedDataset(queries=50, documents=100, depth=12)
    texts = dataset.texts.documents.copy()
    texts[20:] = dataset.texts.empty
    dataset.texts = replace(dataset.texts, documents=texts)
    negatives, report, _ = mine(dataset, random_share=0.6)
    assert (report.enough, report.random) == (50, 150)
    assert {int(doc[1:]) for _, doc in drawn(negatives)} <= set(np.arange(20).tolist())
