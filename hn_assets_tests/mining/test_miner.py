"""What is chosen, what never is, and what is said of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.errors import MiningError, StoreError
from hn_assets.mining.data.candidate_block import CandidateBlock, read_candidate_blocks
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.mining.data.text_ids import number_texts
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.store import tables
from hn_assets_tests.mining.ranked_dataset import Toy


def test_the_window_counts_what_is_left_without_positives() -> None:
    chosen, _ = Toy().mine(range_min=1, range_max=4, num_negatives=3)
    assert chosen == {"q0": ["d1", "d3", "d4"]}


def test_the_window_cut_first_leaves_a_gap_where_a_positive_is() -> None:
    chosen, report = Toy().mine(
        range_min=1, range_max=4, num_negatives=3, range_counts="including_positives"
    )
    assert chosen == {"q0": ["d1", "d3"]}
    assert (report.enough, report.too_few, report.none) == (0, 1, 0)


def test_what_is_never_a_negative() -> None:
    toy = Toy(queries=2)
    toy.texts.documents[0] = 10  # the text of the query q0
    toy.texts.documents[1] = 1002  # the text of the positive d2
    toy.texts.documents[4] = 0  # empty
    toy.texts.documents[6] = 1005  # d5 again
    chosen, report = toy.mine(range_min=0, range_max=10, num_negatives=10)
    assert chosen["q0"] == ["d3", "d5", "d7", "d8", "d9"]
    assert chosen["q1"] == ["d0", "d3", "d5", "d7", "d8", "d9"]
    assert report.rejected == {
        "positive": 2,
        "text of a positive": 2,
        "text of the query": 1,
        "empty": 2,
        "repeated text": 2,
    }


def test_queries_of_equal_text_share_their_positives() -> None:
    toy = Toy(queries=2)
    toy.texts.queries[1] = 10
    toy.qrels.loc[1, "doc_id"] = "d5"
    chosen, _ = toy.mine(range_min=0, range_max=10, num_negatives=10)
    assert "d5" not in chosen["q0"]
    assert "d2" not in chosen["q1"]


def test_a_positive_of_another_split_is_no_negative_either() -> None:
    toy = Toy()
    toy.judge("q0", "d0", 1, split="test")
    chosen, _ = toy.mine(range_min=0, range_max=3, num_negatives=3)
    assert chosen == {"q0": ["d1", "d3", "d4"]}


def test_only_the_mined_split_is_mined() -> None:
    toy = Toy(queries=2)
    toy.queries.loc[1, "split"] = toy.qrels.loc[1, "split"] = "test"
    chosen, report = toy.mine(range_min=0, range_max=3, num_negatives=3)
    assert list(chosen) == ["q0"]
    assert report.queries == 1


def test_a_query_without_positives_is_counted_and_not_mined() -> None:
    toy = Toy(queries=3)
    toy.qrels = toy.qrels.drop(index=1)
    chosen, report = toy.mine(range_min=0, range_max=3, num_negatives=3)
    assert list(chosen) == ["q0", "q2"]
    assert (report.queries, report.without_positives) == (2, 1)


def test_no_query_with_positives_is_an_error() -> None:
    toy = Toy()
    toy.qrels["score"] = 0
    with pytest.raises(MiningError, match=r"no query of the split 'train' has a positive"):
        toy.mine()


@pytest.mark.parametrize(("policy", "left"), [("keep", ["q0", "q1"]), ("drop", [])])
def test_a_shortage_is_reported_and_never_padded(policy: str, left: list[str]) -> None:
    toy = Toy(queries=2, documents=4)
    if policy == "drop":
        with pytest.raises(MiningError, match="no query has a negative"):
            toy.mine(range_min=0, range_max=10, num_negatives=5, on_shortage=policy)
        return
    chosen, report = toy.mine(range_min=0, range_max=10, num_negatives=5, on_shortage=policy)
    assert list(chosen) == left
    assert all(len(docs) == 3 for docs in chosen.values())
    assert (report.enough, report.too_few, report.none) == (0, 2, 0)
    assert report.short_queries == ["q0", "q1"]


def test_a_dropped_query_is_accounted_for() -> None:
    toy = Toy(queries=2, documents=6)
    toy.judge("q0", "d0", 1)
    chosen, report = toy.mine(range_min=0, range_max=10, num_negatives=5, on_shortage="drop")
    assert list(chosen) == ["q1"]
    assert (report.enough, report.too_few, report.dropped, report.negatives) == (1, 1, 1, 5)
    assert report.rejected == {"positive": 3, "query dropped": 4}


def test_a_shortage_can_fail_the_run() -> None:
    with pytest.raises(MiningError, match=r"1 of 1 queries have fewer than 15 negatives \('q0'\)"):
        Toy().mine(range_min=0, range_max=10, on_shortage="error")


def test_a_range_beyond_the_ranking_is_an_error_that_says_how_deep_it_is() -> None:
    with pytest.raises(MiningError, match=r"range \[50, 60\].*rankings are 10 deep"):
        Toy().mine(range_min=50, range_max=60)


@pytest.mark.parametrize("bad", [[10, 10], [20, 10], [-1, 5]])
def test_a_range_upside_down_is_refused(bad: list[int]) -> None:
    with pytest.raises(ValueError, match=r"mining.range \[.*\] is empty"):
        MiningSettings.model_validate({"range": bad})


def test_mining_the_evaluation_split_is_refused() -> None:
    with pytest.raises(ValueError, match="would train on the answers"):
        MiningSettings(split="test")


@pytest.mark.parametrize(
    ("filters", "reason", "rejected"),
    [
        ({"max_score": 0.965}, "score above the ceiling", ["d0", "d1", "d3"]),
        ({"min_score": 0.925}, "score below the floor", ["d8", "d9"]),
        ({"absolute_margin": 0.025}, "within the absolute margin", ["d0", "d1", "d3", "d4"]),
        # the positive scores 0.98: 5 % of it are 0.049
        (
            {"relative_margin": 0.05},
            "within the relative margin",
            ["d0", "d1", "d3", "d4", "d5", "d6"],
        ),
        ({"max_positive_similarity": 0.998}, "close to a positive", ["d1", "d3"]),
    ],
)
def test_a_filter_rejects_with_its_reason_and_numbers(
    filters: dict, reason: str, rejected: list[str]
) -> None:
    toy = Toy()
    given = FiltersSettings.model_validate(filters)
    chosen, report = toy.mine(given, range_min=0, range_max=10, num_negatives=10)
    left = [d for d in toy.documents.ids if d not in rejected and d != "d2"]
    assert chosen == {"q0": left}
    assert report.rejected == {"positive": 1, reason: len(rejected)}
    (mined,) = toy.mine_all(given, range_min=0, range_max=10, num_negatives=10)
    row = toy.documents.ids.index(rejected[0])
    (limit,) = filters.values()
    value, kept = mined.judged.values[0, row], mined.judged.limits[0, row]
    expected = (
        mined.positive_similarity[0, row] if "max_positive_similarity" in filters else 1 - row / 100
    )
    assert value == pytest.approx(expected)
    assert (value > kept) != ("min_score" in filters)
    if "margin" not in reason:
        assert kept == pytest.approx(limit)


def test_a_relative_margin_lowers_a_negative_score_too() -> None:
    toy = Toy()
    toy.documents.vectors[:] = -toy.documents.vectors[::-1]  # scores -0.91 to -1.0
    chosen, _ = toy.mine(
        FiltersSettings(relative_margin=0.05), range_min=0, range_max=10, num_negatives=10
    )
    # the positive d2 scores -0.93: at most -0.9765 may stay
    assert chosen == {"q0": ["d7", "d8", "d9"]}


@pytest.mark.parametrize(("against", "first"), [("min", "d7"), ("mean", "d5"), ("max", "d3")])
def test_margins_are_measured_from_the_positive_that_is_named(against: str, first: str) -> None:
    toy = Toy()
    toy.judge("q0", "d6", 1)
    filters = FiltersSettings.model_validate({"absolute_margin": 0.0051, "margin_against": against})
    chosen, _ = toy.mine(filters, range_min=0, range_max=10, num_negatives=10)
    assert chosen["q0"][0] == first


def test_what_was_judged_not_relevant_passes_filters_unless_told_otherwise() -> None:
    toy = Toy()
    toy.judge("q0", "d0", 0)
    ceiling = FiltersSettings(max_score=0.965)
    assert "d0" in toy.mine(ceiling, range_min=0, range_max=10, num_negatives=10)[0]["q0"]
    strict = FiltersSettings(max_score=0.965, keep_judged_irrelevant=False)
    assert "d0" not in toy.mine(strict, range_min=0, range_max=10, num_negatives=10)[0]["q0"]


def test_a_query_that_filters_leave_short_is_searched_deeper() -> None:
    toy = Toy(documents=40, depth=5)
    filters = FiltersSettings(max_score=0.9, max_search_depth=30)
    chosen, report = toy.mine(filters, range_min=0, range_max=5, num_negatives=4)
    assert chosen == {"q0": ["d10", "d11", "d12", "d13"]}
    assert (report.deepened, report.candidates, report.enough) == (1, 20, 1)
    never, report = toy.mine(
        FiltersSettings(min_score=0.97, max_search_depth=0),
        range_min=0,
        range_max=5,
        num_negatives=4,
    )
    assert never == {"q0": ["d0", "d1", "d3"]}
    assert report.deepened == 0


def test_a_search_ends_at_the_depth_that_is_allowed() -> None:
    toy = Toy(documents=40, depth=5)
    filters = FiltersSettings(max_score=0.9, max_search_depth=12)
    chosen, report = toy.mine(filters, range_min=0, range_max=5, num_negatives=4)
    assert chosen == {"q0": ["d10", "d11"]}
    assert report.candidates == 12


@settings(max_examples=30, deadline=None)
@given(order=st.randoms(use_true_random=False), seed=st.integers(0, 2**64))
def test_the_random_choice_does_not_depend_on_any_order(order, seed: int) -> None:
    toy, shuffled = Toy(queries=3, documents=40), Toy(queries=3, documents=40)
    rows = list(range(40))
    order.shuffle(rows)
    shuffled.documents.ids = [toy.documents.ids[row] for row in rows]
    shuffled.documents.vectors = toy.documents.vectors[rows]
    shuffled.texts = replace(toy.texts, documents=toy.texts.documents[rows])
    shuffled.qrels = shuffled.qrels.sample(frac=1, random_state=seed % 2**32)
    options = {
        "range_min": 5,
        "range_max": 35,
        "num_negatives": 7,
        "sampling": "random",
        "seed": seed,
    }
    assert toy.mine(**options)[0] == shuffled.mine(**options)[0]


def test_the_random_choice_moves_with_the_seed_and_is_uniform() -> None:
    toy = Toy(queries=400, documents=30)
    options = {"range_min": 0, "range_max": 20, "num_negatives": 5, "sampling": "random"}
    first, _ = toy.mine(**options, seed=1)
    second, _ = toy.mine(**options, seed=2)
    assert first != second
    times = pd.Series([doc for docs in first.values() for doc in docs]).value_counts()
    assert len(times) == 20
    # 400 queries x 5 of 20: 100 each, standard deviation 8.7
    assert times.between(60, 140).all()


def test_texts_are_equal_however_they_are_spaced_and_cased(tmp_path: Path) -> None:
    corpus, queries = tmp_path / "corpus.parquet", tmp_path / "queries.parquet"
    rows = [("a", "", "Heart  attack"), ("b", "Heart", "attack "), ("c", "", " "), ("d", "", "x")]
    pq.write_table(
        pa.table(dict(zip(["id", "title", "text"], zip(*rows, strict=True), strict=True))), corpus
    )
    pq.write_table(pa.table({"id": ["q"], "text": ["heart\nATTACK"]}), queries)
    ids = {"document_ids": ["a", "b", "c", "d"], "query_ids": ["q"]}
    texts = number_texts(corpus, queries, include_title=True, **ids)
    assert texts.documents[0] == texts.documents[1] == texts.queries[0]
    assert texts.documents[2] == texts.empty
    without = number_texts(corpus, queries, include_title=False, **ids)
    assert without.documents[0] != without.documents[1]
    for other in (["a", "b", "d", "c"], ["a", "b", "c"], ["a", "b", "c", "d", "e"]):
        with pytest.raises(StoreError, match="do not hold the same texts"):
            number_texts(corpus, queries, include_title=True, document_ids=other, query_ids=["q"])


def write_candidates(toy: Toy, path: Path) -> CandidateBlock:
    block = toy.block()
    rows, ranks = np.nonzero(block.documents >= 0)
    table = pa.table(
        [
            pa.array([toy.asked.ids[row] for row in rows]),
            pa.array([toy.documents.ids[d] for d in block.documents[rows, ranks]]),
            pa.array(ranks, pa.int32()),
            pa.array(block.scores[rows, ranks], pa.float32()),
        ],
        schema=tables.CANDIDATES,
    )
    pq.write_table(table, path)
    return block


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_candidates_are_read_in_blocks_that_cut_no_query(tmp_path: Path, rows: int) -> None:
    toy = Toy(queries=6, documents=5)
    block = write_candidates(toy, tmp_path / "c.parquet")
    blocks = list(read_candidate_blocks(tmp_path / "c.parquet", toy.collection, rows))
    assert len(blocks) == (2 if rows == 1000 else {1: 6, 3: 6, 7: 5}[rows])
    for part in ("queries", "documents", "scores"):
        joined = np.concatenate([getattr(block, part) for block in blocks])
        assert np.array_equal(joined, getattr(block, part))


def test_only_mined_queries_are_read(tmp_path: Path) -> None:
    toy = Toy(queries=3, documents=5)
    toy.qrels = toy.qrels.drop(index=1)
    write_candidates(toy, tmp_path / "c.parquet")
    blocks = list(read_candidate_blocks(tmp_path / "c.parquet", toy.collection))
    assert [row for block in blocks for row in block.queries] == [0, 2]


def test_a_ranked_document_that_left_the_corpus_is_an_error(tmp_path: Path) -> None:
    write_candidates(Toy(), tmp_path / "c.parquet")
    with pytest.raises(StoreError, match="document 'd8' and 1 more"):
        list(read_candidate_blocks(tmp_path / "c.parquet", Toy(documents=8).collection))


def test_a_qrel_without_a_vector_is_an_error() -> None:
    toy = Toy()
    toy.judge("q0", "gone", 1)
    with pytest.raises(StoreError, match="the document 'gone', which has no vector"):
        toy.mine()


def test_pairs_are_kept_by_query_in_order() -> None:
    pairs = DocumentsByQuery.build(np.array([2, 0, 2, 2]), np.array([7, 5, 3, 7]), 4)
    assert [pairs.of(query).tolist() for query in range(4)] == [[5], [], [3, 7], []]
    assert pairs.padded(np.array([2, 1, 0])).tolist() == [[3, 7], [-1, -1], [5, -1]]
    assert pairs.queries().tolist() == [0, 2, 2]
