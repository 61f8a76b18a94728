"""A dataset in which it is known which passages are relevant and were not labelled."""

import numpy as np
import pandas as pd

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset, Texts
from hn_assets.mining.holdout.calibration import Calibration, calibrate
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.plan import planned_calibration
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets_tests.mining.ranked_dataset import VectorsInMemory


class TopicsDataset:
    """Topics of 40 passages each; of a topic, a query's first passages are labelled.

    A passage of the topic is relevant; those of other topics are not. Vectors are the topic's
    direction and noise, so that relevant passages lie close together. Of the first `with_two`
    topics, two passages are labelled at least.
    """

    def __init__(
        self, topics: int = 60, labelled: int = 6, seed: int = 0, with_two: int = 0
    ) -> None:
        rng = np.random.default_rng(seed)
        size, relevant = 40, 12
        centres = rng.normal(size=(topics, 24))
        near = np.repeat(centres, size, axis=0) + rng.normal(size=(topics * size, 24)) * 1.2
        is_relevant = np.tile(np.arange(size) < relevant, topics)
        # the others of a topic are about something else, with some of its words
        others = 0.55 * np.repeat(centres, size, axis=0) + rng.normal(size=near.shape) * 1.2
        vectors = np.where(is_relevant[:, None], near, others)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        queries = centres + rng.normal(size=centres.shape) * 0.5
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        self.document_vectors = VectorsInMemory([f"d{i}" for i in range(len(vectors))], vectors)
        self.query_vectors = VectorsInMemory([f"q{i}" for i in range(topics)], queries)
        pairs = [(t, t * size + i) for t in range(topics) for i in range(relevant)]
        self.relevant = {(t, d) for t, d in pairs}
        self.qrels = pd.DataFrame(
            [
                {"query_id": f"q{t}", "doc_id": f"d{d}", "score": 1, "split": "train"}
                for t, d in pairs
                if d % size < max(labelled, 2 * (t < with_two))
            ]
        )
        texts = Texts(1000 + np.arange(len(vectors)), np.arange(topics), empty=-1)
        query_table = pd.DataFrame({"id": self.query_vectors.ids, "split": "train"})
        self.indexed = IndexedDataset.build(
            self.document_vectors.ids,
            self.query_vectors.ids,
            texts,
            query_table,
            self.qrels,
            "train",
        )
        scores = self.query_vectors.vectors @ self.document_vectors.vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :230]
        self.block = CandidateBlock(np.arange(topics), order, np.take_along_axis(scores, order, 1))

    @property
    def holdout(self) -> Holdout:
        """The queries with two positives or more."""
        return self.holdout_of(2)

    def holdout_of(self, min_positives: int) -> Holdout:
        """The queries with so many positives."""
        return Holdout(
            lambda _: [self.block],
            self.indexed,
            self.query_vectors,
            self.document_vectors,
            seed=1,
            min_positives=min_positives,
        )


def target_rate(target: float, unlabelled: float = 1.0) -> FiltersSettings:
    """Filters with nothing but a target rate."""
    return FiltersSettings(target_false_negative_rate=target, unlabelled_per_positive=unlabelled)


def calibration_of(
    topics: TopicsDataset, filters: FiltersSettings, mining: MiningSettings | None = None
) -> Calibration:
    """The calibration of a dataset for the target rate of the filters."""
    method = planned_calibration(mining or MiningSettings(), filters)
    return calibrate(topics.holdout_of(1), method)
