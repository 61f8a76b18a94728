"""Queries are searched deeper: those with very many positives, and those left short by filters."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hn_assets import mine_hard_negatives
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.mining.deeper_search import JoinedDeeperSearch, deepen_for_positives
from hn_assets.settings.search import MOST_POSITIVES, RECIPROCAL_RANK_FUSION
from hn_assets_tests.retrieval.three_retrievers import DEPTH, QUERIES, ThreeRetrievers


def test_one_query_with_many_positives_deepens_its_own_ranking_alone(
    tmp_path: Path, model: Path
) -> None:
    generator = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in generator.integers(0, 50, 8)) for _ in range(500)]
    documents = [{"id": f"d{i}", "text": f"{text} {i}"} for i, text in enumerate(texts)]
    queries = [{"id": f"q{i}", "text": texts[i]} for i in range(12)]
    qrels = [{"query_id": f"q{i}", "doc_id": f"d{i}"} for i in range(12)]
    many = 250
    qrels += [{"query_id": "q0", "doc_id": f"d{i}"} for i in range(1, many)]
    settings = {
        "encoding": {"model": str(model), "pooling": "mean"},
        "mining": {"range_min": 0, "range_max": 40, "num_negatives": 40, "sampling": "top"},
    }
    mined = mine_hard_negatives(documents, queries, qrels, settings)
    assert mined.report["candidates"]["depth"] == 40 + MOST_POSITIVES
    ranked = mined.ledger.query_id.astype(str).value_counts()
    assert ranked["q0"] == 40 + many
    assert set(ranked.drop("q0")) == {40 + MOST_POSITIVES}
    assert set(mined.negatives.groupby("query_id").size()) == {40}
    assert all(check.passed for check in mined.checks.values())
    # as if all rankings were so deep
    deep = mine_hard_negatives(
        documents, queries, qrels, {**settings, "search": {"depth": 40 + many}}
    )
    pd.testing.assert_frame_equal(mined.negatives, deep.negatives)


def as_block(three: ThreeRetrievers, found: pd.DataFrame) -> CandidateBlock:
    """Joined candidates as mining reads them."""
    shape = QUERIES, int(found["rank"].max()) + 1
    documents, scores = np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32)
    ranks = np.full((*shape, len(three.ranked)), -1, np.int32)
    row = found.query_id.str[1:].astype(int).to_numpy()
    place = row, found["rank"].to_numpy()
    documents[place], scores[place] = found.doc_id.str[1:].astype(int), found.score
    for number, name in enumerate(three.ranked):
        ranks[(*place, number)] = found[f"{name}_rank"].fillna(-1)
    return CandidateBlock(np.arange(QUERIES), documents, scores, tuple(three.ranked), ranks)


def deeper_of(three: ThreeRetrievers) -> JoinedDeeperSearch:
    def search(queries: NDArray[np.int64], depth: int) -> CandidateBlock:
        return CandidateBlock(queries, *three.searcher.find(three.queries.take(queries), depth))

    names = tuple(three.ranked)
    return JoinedDeeperSearch(
        search,  # type: ignore[arg-type]
        names,
        "dense",
        RECIPROCAL_RANK_FUSION,
        three.queries,
        three.documents,
    )


def test_a_deeper_search_is_the_join_with_a_deeper_ranking_of_the_encoder(tmp_path: Path) -> None:
    three = ThreeRetrievers(tmp_path)
    block = as_block(three, three.join()[0])
    deeper = deeper_of(three)(block.take(np.array([4, 1])), 3 * DEPTH)
    three.ranked["dense"] = three.dense(3 * DEPTH)
    three.write("dense")
    expected = as_block(three, three.join()[0]).take(np.array([1, 4]))
    assert deeper.queries.tolist() == [1, 4]
    for name in ("documents", "scores", "ranks"):
        mine, other = getattr(deeper, name), getattr(expected, name)
        width = min(mine.shape[1], other.shape[1])
        assert np.array_equal(mine[:, :width], other[:, :width])
    assert deeper.depth >= 3 * DEPTH


def test_joined_candidates_are_deepened_for_positives_by_what_each_query_has(
    tmp_path: Path,
) -> None:
    three = ThreeRetrievers(tmp_path)
    block = as_block(three, three.join()[0])
    counts = block.counts()
    assert len(set(counts)) > 1
    shallow = int(counts.argmin())
    # more positives than the rankings allow for, so that a range of one rank needs so many
    count = MOST_POSITIVES + 1
    many = np.repeat(np.arange(QUERIES), count)
    positives = DocumentsByQuery.build(many, np.tile(np.arange(count), QUERIES), QUERIES)
    asked: list[tuple[list[int], int]] = []

    def search(part: CandidateBlock, depth: int) -> CandidateBlock:
        asked.append((part.queries.tolist(), depth))
        return part

    end = int(counts[shallow]) + 1 - count
    found = list(deepen_for_positives(iter([block]), positives, end, search))
    assert asked == [([query for query in range(QUERIES) if counts[query] <= counts[shallow]],
                      int(counts[shallow]) + 1)]  # fmt: skip
    assert sorted(query for part in found for query in part.queries) == list(range(QUERIES))


def test_a_query_that_filters_leave_short_is_searched_deeper_and_says_who_found_what(
    tmp_path: Path, model: Path
) -> None:
    generator = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in generator.integers(0, 20, 6)) for _ in range(150)]
    documents = [{"id": f"d{i}", "text": f"{text} {i}"} for i, text in enumerate(texts)]
    queries = [{"id": f"q{i}", "text": texts[i]} for i in range(8)]
    qrels = [{"query_id": f"q{i}", "doc_id": f"d{i}"} for i in range(8)]
    settings = {
        "encoding": {"model": str(model), "pooling": "mean"},
        "mining": {"range_min": 0, "range_max": 10, "num_negatives": 8, "sampling": "top"},
        "filters": {"relative_margin": 0.02},
    }
    with_words = {**settings, "retrievers": [{"type": "dense"}, {"type": "bm25"}]}
    with_words["filters"] = {**settings["filters"], "target_false_negative_rate": 0.1}
    mined = mine_hard_negatives(documents, queries, qrels, with_words)
    assert mined.report["hard_negatives"]["queries_searched_deeper"] > 0
    ledger = mined.ledger
    assert ledger.dense_rank.max() > 11 > ledger.bm25_rank.max()
    assert ledger[["dense_rank", "bm25_rank"]].notna().any(axis=1).all()
    # the model of relevance knows that BM25 did not find what lies deeper
    assert "reads ranks by words" in mined.report["hard_negatives"]["plan"]
    assert ledger.probability.notna().all()
    only_words = {**settings, "retrievers": [{"type": "bm25"}]}
    shallow = mine_hard_negatives(documents, queries, qrels, only_words).report["hard_negatives"]
    assert shallow["queries_searched_deeper"] == 0
    assert shallow["queries_with_too_few"] + shallow["queries_with_none"] > 0
