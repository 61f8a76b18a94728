"""Queries with one positive are lent a second one by queries that ask nearly the same."""

from dataclasses import replace

import numpy as np
import pandas as pd

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset, Texts
from hn_assets.mining.holdout.calibration import calibrate
from hn_assets.mining.holdout.cross_validation import CrossValidation
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.other_queries import AMONG_BEST
from hn_assets.mining.plan import planned_calibration
from hn_assets.mining.relevance.prior import shipped_prior
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets_tests.mining.ranked_dataset import VectorsInMemory

TOPICS, DOCUMENTS, SIZE = 30, 240, 64


class Pairs:
    """Topics with two queries each, which ask nearly the same; each has a positive of its own.

    The queries of topic t are q2t and q2t+1, and their positives d2t and d2t+1. A third query per
    topic asks something that is only similar, and has the positive d2t+1, too.

    Args:
        labels: Further judgements: query and document.
    """

    def __init__(self, *labels: tuple[int, int]) -> None:
        rng = np.random.default_rng(0)
        centres = _directions(rng.normal(size=(TOPICS, SIZE)))
        alike = np.repeat(centres, 2, axis=0) + 0.05 * rng.normal(size=(2 * TOPICS, SIZE))
        similar = centres + 0.2 * rng.normal(size=centres.shape)
        self.queries = _directions(np.concatenate([alike, similar]))
        documents = rng.normal(size=(DOCUMENTS, SIZE))
        documents[: 2 * TOPICS] = np.repeat(centres, 2, axis=0)
        documents[: 2 * TOPICS] += 0.15 * rng.normal(size=(2 * TOPICS, SIZE))
        self.documents = _directions(documents)
        self.labels = [(q, q) for q in range(2 * TOPICS)]
        self.labels += [(2 * TOPICS + t, 2 * t + 1) for t in range(TOPICS)]
        self.labels += labels

    def holdout(self, *, is_joined: bool = False) -> Holdout:
        """The queries; `is_joined` for rankings in an order that is not that of the scores."""
        query_ids = [f"q{i}" for i in range(len(self.queries))]
        document_ids = [f"d{i}" for i in range(DOCUMENTS)]
        qrels = pd.DataFrame(
            [(f"q{q}", f"d{d}", 1, "train") for q, d in self.labels],
            columns=["query_id", "doc_id", "score", "split"],
        )
        dataset = IndexedDataset.build(
            document_ids,
            query_ids,
            Texts(1000 + np.arange(DOCUMENTS), np.arange(len(query_ids)), empty=-1),
            pd.DataFrame({"id": query_ids, "split": "train"}),
            qrels,
            "train",
        )
        scores = (self.queries @ self.documents.T).astype(np.float32)
        ranked = np.argsort(-scores, axis=1, kind="stable")
        block = CandidateBlock(
            np.arange(len(query_ids)), ranked, np.take_along_axis(scores, ranked, 1)
        )
        if is_joined:
            ranks = np.broadcast_to(np.arange(DOCUMENTS, dtype=np.int32), ranked.shape)
            block = CandidateBlock(
                block.queries,
                block.documents[:, ::-1],
                block.scores[:, ::-1],
                ("other",),
                ranks[:, :, None],
            )
        return Holdout(
            lambda _: [block],
            dataset,
            VectorsInMemory(query_ids, self.queries),
            VectorsInMemory(document_ids, self.documents),
            seed=0,
            min_positives=1,
        )


def _directions(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_query_is_lent_what_answers_its_neighbour() -> None:
    holdout = Pairs().holdout()
    splits = holdout.all_visible()
    lent = holdout.lend(splits, splits)
    of_query = {
        int(query): set(lent.features.documents[row][lent.hidden[row]])
        for row, query in enumerate(lent.query)
    }
    for topic in range(TOPICS):
        assert of_query[2 * topic] >= {2 * topic + 1}
        assert of_query[2 * topic + 1] >= {2 * topic}
    # its own positive stays what it is compared with, and is no candidate
    assert not (lent.hidden & lent.visible).any()
    assert (lent.known == 1).all()


def test_the_lender_does_not_give_away_what_it_lends() -> None:
    holdout = Pairs().holdout()
    splits = holdout.all_visible()
    lent = holdout.lend(splits, splits)
    plain = holdout.hide([splits[query] for query in lent.query], splits)
    masked, before = (one.features.cross_query_similarity for one in (lent, plain))
    assert masked is not None and before is not None
    assert (before[lent.hidden] >= 0.5).all()
    assert (masked[lent.hidden] < 0.5).all()
    # a query that is only similar still counts: d2t+1 is lent by q2t+1, and answers a third, too
    third = lent.hidden & (lent.features.documents % 2 == 1) & (lent.query < 2 * TOPICS)[:, None]
    assert (masked[third] > 0).mean() > 0.5
    assert np.array_equal(
        masked[~lent.hidden & (before < 0.5)], before[~lent.hidden & (before < 0.5)]
    )


def test_nothing_is_lent_that_is_hidden_or_to_a_query_with_two_positives() -> None:
    with_two = Pairs((0, 100)).holdout()
    splits = with_two.all_visible()
    assert 0 not in with_two.lend(splits, splits).query
    # what query 0 still lends to query 1, its nearest
    assert 1 in with_two.lend(splits, splits).query
    nothing_visible = [
        replace(split, visible=np.array([False, True])) if split.query == 0 else split
        for split in splits
    ]
    # of query 0, document 0 is hidden: it cannot be lent to query 1; document 100 is far away
    lent = with_two.lend(nothing_visible, nothing_visible)
    row = np.flatnonzero(lent.query == 1)
    assert not (lent.features.documents[row] == 0)[lent.hidden[row]].any()


def test_what_is_lent_from_low_ranks_is_no_negative_either() -> None:
    pairs = Pairs()
    far = int(np.argsort(-(pairs.queries[0] @ pairs.documents.T))[AMONG_BEST + 20])
    holdout = Pairs((1, far)).holdout()
    splits = holdout.all_visible()
    lent = holdout.lend(splits, splits)
    row = int(np.flatnonzero(lent.query == 0)[0])
    cell = lent.features.documents[row] == far
    assert not lent.hidden[row][cell].any()
    assert not lent.features.eligible[row][cell].any()
    plain = holdout.hide(splits[:1], splits)
    assert plain.features.eligible[0][cell].all()


def test_what_is_best_is_so_by_score_whatever_the_order_of_the_rankings() -> None:
    found = []
    for is_joined in (False, True):
        holdout = Pairs().holdout(is_joined=is_joined)
        splits = holdout.all_visible()
        lent = holdout.lend(splits, splits)
        documents = lent.features.documents
        found.append(
            [
                (int(query), set(documents[row][lent.hidden[row]]), int(eligible.sum()))
                for row, (query, eligible) in enumerate(
                    zip(lent.query, lent.features.eligible, strict=True)
                )
            ]
        )
    assert found[0] == found[1]


def test_the_model_is_fitted_on_what_is_lent_and_nothing_is_measured_on_it() -> None:
    holdout = Pairs().holdout()
    splits = holdout.all_visible()
    cross = CrossValidation(holdout, splits, splits)
    assert len(cross.lent) >= 2 * TOPICS
    assert (cross.hidden, len(cross.rankings)) == (0, 0)
    assert not np.allclose(cross.model.weights, shipped_prior().model.weights, atol=0.01)
    filters = FiltersSettings(target_false_negative_rate=0.02)
    found = calibrate(holdout, planned_calibration(MiningSettings(), filters))
    assert (found.hidden, found.share_of_own_labels, found.kind) == (0, 0.0, "estimated")
    assert (found.queries_with_one, found.queries_lent_to) == (3 * TOPICS, len(cross.lent))
    assert f"{len(cross.lent)} of {3 * TOPICS} queries with one positive" in found.basis()
    assert "nothing is measured" in found.basis()


def test_queries_that_ask_something_else_lend_nothing() -> None:
    pairs = Pairs()
    pairs.queries = _directions(np.random.default_rng(1).normal(size=pairs.queries.shape))
    holdout = pairs.holdout()
    splits = holdout.all_visible()
    assert len(holdout.lend(splits, splits)) == 0
    model = CrossValidation(holdout, splits, splits).model
    assert model.weights == shipped_prior().model.weights
