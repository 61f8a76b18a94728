"""A pair looks alike to the model of relevance, whether or not others ranked beside the encoder."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.holdout.audit import audit
from hn_assets.mining.holdout.calibration import calibrate
from hn_assets.mining.holdout.cross_validation import CrossValidation
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.methods import CHOSEN, Method
from hn_assets.mining.miner import Miner
from hn_assets.mining.plan import make_plan, planned_calibration
from hn_assets.mining.relevance.compute_features import model_inputs
from hn_assets.mining.relevance.similarity import mean_direction, similarities
from hn_assets.mining.rules.sampling import Sampling
from hn_assets.report.rate_against_hardness import draw_rate_against_hardness
from hn_assets.retrieval.scores import pair_scores
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets_tests.mining.holdout.topics_dataset import TopicsDataset, target_rate

MORE = 30  # documents of each query that the encoder did not find


def with_another_retriever(topics: TopicsDataset) -> CandidateBlock:
    """The candidates in an order of their own, with others that lie far from the query."""
    block, rng = topics.block, np.random.default_rng(0)
    queries, depth = block.documents.shape
    documents, scores, ranks = [], [], []
    for row in range(queries):
        others = np.setdiff1d(np.arange(len(topics.document_vectors)), block.documents[row])
        added = rng.choice(others, MORE, replace=False)
        pairs = np.full(MORE, row), added
        of_added = pair_scores(topics.query_vectors, pairs[0], topics.document_vectors, pairs[1])
        order = rng.permutation(depth + MORE)
        documents.append(np.concatenate([block.documents[row], added])[order])
        scores.append(np.concatenate([block.scores[row], of_added])[order])
        own = np.concatenate([np.arange(depth), np.full(MORE, -1)])
        other = np.concatenate([np.full(depth, -1), np.arange(MORE)])
        ranks.append(np.stack([own, other], axis=1)[order])
    return CandidateBlock(
        block.queries,
        np.array(documents),
        np.array(scores, np.float32),
        ("dense", "bm25"),
        np.array(ranks, np.int32),
    )


def of_the_encoder(block: CandidateBlock, values: NDArray) -> NDArray:
    """The values of what the encoder found, in the order of its ranks."""
    assert block.ranks is not None
    own = block.ranks[:, :, 0]
    order = np.argsort(np.where(own >= 0, own, 10_000), axis=1)[:, : int(own.max()) + 1]
    return np.take_along_axis(values, order[..., None] if values.ndim > 2 else order, 1)


@pytest.fixture(scope="module")
def joined(topics: TopicsDataset) -> CandidateBlock:
    return with_another_retriever(topics)


def test_what_is_said_of_the_best_candidates_does_not_depend_on_who_found_them(
    topics: TopicsDataset, joined: CandidateBlock
) -> None:
    direction = mean_direction(topics.query_vectors)
    vectors, positives = topics.document_vectors, topics.indexed.positives
    alone = similarities(topics.block, positives, vectors, direction)
    found = similarities(joined, positives, vectors, direction)
    for name in ("closest", "mean", "local_density", "best", "queries"):
        mine = of_the_encoder(joined, getattr(found, name))
        assert np.allclose(mine, getattr(alone, name), atol=1e-6), name


def test_the_model_reads_the_same_of_a_pair(topics: TopicsDataset, joined: CandidateBlock) -> None:
    def holdout_of(block: CandidateBlock) -> Holdout:
        return Holdout(
            lambda _: [block], topics.indexed, topics.query_vectors, topics.document_vectors, seed=1
        )

    alone, both = holdout_of(topics.block), holdout_of(joined)
    halves = alone.halves(0)
    seen, seen_by_both = alone.hide(halves, halves), both.hide(halves, halves)
    mine = of_the_encoder(joined, model_inputs(seen_by_both.features))
    assert np.allclose(mine, model_inputs(seen.features), atol=1e-4)
    # so that the calibration knows as much of relevance as without the others
    fitted, fitted_by_both = (CrossValidation(one, halves, halves) for one in (alone, both))
    assert fitted_by_both.unlabelled.per_positive == pytest.approx(fitted.unlabelled.per_positive)
    assert np.allclose(fitted_by_both.model.weights, fitted.model.weights, atol=0.05)


def test_the_audit_measures_each_retriever_as_if_it_were_the_only_one(
    topics: TopicsDataset, joined: CandidateBlock
) -> None:
    def measure(block: CandidateBlock) -> pd.DataFrame:
        holdout = Holdout(
            lambda _: [block], topics.indexed, topics.query_vectors, topics.document_vectors, seed=1
        )
        settings = Method(CHOSEN, Sampling("top", 5), target_rate(0.01))
        return audit(holdout, settings, calibrated=True, repeats=1).methods.set_index("method")

    alone, both = measure(topics.block), measure(joined)
    numbers = ["rate", "negatives", "mean_score", "full_query_share"]
    for mine, same in (
        ("dense, top 5", "top 5"),
        ("dense, ranks 10-210 at random", "hn_mine, ranks 10-210 at random"),
    ):
        for number in numbers:
            assert both[number][mine] == pytest.approx(alone[number][same])
    # what lies far from the query is neither hard nor relevant
    assert both.mean_score["bm25, top 5"] < both.mean_score["dense, top 5"] - 0.2
    assert both.rate["bm25, top 5"] < both.rate["dense, top 5"]
    assert both.loc["dense, target 0.01", "target"] == 0.01
    assert both.loc["dense, target 0.01", "rate"] < both.rate["dense, top 5"]
    assert set(both.retriever) == {"", "dense", "bm25"}
    assert "retriever" not in alone
    picture = draw_rate_against_hardness(both.reset_index(), "three ways")
    assert picture.startswith(b"\x89PNG")


def ranked_by_words(topics: TopicsDataset) -> CandidateBlock:
    """The candidates, of which a retriever that is right more often than not has found some."""
    rng, (queries, depth) = np.random.default_rng(3), topics.block.documents.shape
    documents = topics.block.documents
    is_relevant = (documents % 40 < 12) & (documents // 40 == np.arange(queries)[:, None])
    words = np.argsort(np.argsort(rng.normal(size=documents.shape) - 2.5 * is_relevant))
    ranks = np.stack([np.tile(np.arange(depth), (queries, 1)), words], axis=2)
    ranks[words > 60, 1] = -1
    return replace(topics.block, retrievers=("dense", "words"), ranks=ranks.astype(np.int32))


def test_the_model_tells_more_apart_if_it_reads_the_rank_by_words() -> None:
    topics = TopicsDataset(labelled=1)
    block = ranked_by_words(topics)
    shares = []
    for lexical in ((), ("words",)):
        holdout = Holdout(
            lambda _: [block],
            topics.indexed,
            topics.query_vectors,
            topics.document_vectors,
            seed=1,
            min_positives=1,
            lexical_retrievers=lexical,
        )
        everything = holdout.all_visible()
        features = holdout.hide(everything, everything).features
        method = planned_calibration(
            MiningSettings(num_negatives=5), FiltersSettings(target_false_negative_rate=0.02)
        )
        found = calibrate(holdout, method)
        assert found.reads_lexical_rank == bool(lexical)
        assert ("reads ranks by words" in found.describe()) == bool(lexical)
        probability = found.model.probability(model_inputs(features))
        relevant = (features.documents % 40 < 12) & (
            features.documents // 40 == features.queries[:, None]
        )
        # of as many as are relevant, the most probable
        count = int((relevant & features.eligible).sum())
        limit = np.sort(probability[features.eligible])[-count]
        shares.append(float(relevant[features.eligible & (probability >= limit)].mean()))
        plan = make_plan(MiningSettings(), FiltersSettings(target_false_negative_rate=0.02), found)
        miner = Miner(
            topics.indexed,
            topics.query_vectors,
            topics.document_vectors,
            plan,
            seed=1,
            lexical_retrievers=lexical,
        )
        (mined,) = miner.mine(block)
        assert mined.features.probability is not None
        assert np.allclose(
            mined.features.probability[features.eligible], probability[features.eligible], atol=1e-6
        )
    assert shares[1] > shares[0] + 0.03


def test_candidates_of_some_queries_keep_their_ranks(joined: CandidateBlock) -> None:
    assert joined.ranks is not None
    taken = joined.take(np.array([3, 1]))
    assert taken.retrievers == joined.retrievers
    assert taken.ranks is not None and np.array_equal(taken.ranks, joined.ranks[[3, 1]])
    assert replace(taken, ranks=None).counts().tolist() == [joined.depth] * 2
