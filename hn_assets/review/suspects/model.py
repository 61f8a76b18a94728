"""How little each positive looks like one, learned from the dataset's own labels.

Positives are told from documents of the same queries that rank low and nobody labelled. A positive
is always judged by a model that has not seen its query, so that a wrong label is not learned by
heart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
MIN_QUERIES, MIN_POSITIVES = 20, 50
TREES, MIN_LEAF = 100, 3
MAX_ROWS = 40_000  # that a model is fitted on, positives and others together


def judge_positives(
    positives: NDArray[np.float64],
    others: NDArray[np.float64],
    positive_queries: NDArray[np.int64],
    other_queries: NDArray[np.int64],
    seed: int,
) -> NDArray[np.float64] | None:
    """How little each positive looks like one, from 0 to 1; it is no probability.

    Args:
        positives: Features of the positives, float64 of shape (positives, features).
        others: The same of documents that are no positives of their queries.
        positive_queries: The query of each positive.
        other_queries: The query of each other document.
        seed: Of the trees, and of which rows are taken of many.

    Returns:
        None if there are too few queries, positives or others to learn from.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    queries = np.unique(positive_queries)
    if len(queries) < MIN_QUERIES or min(len(positives), len(others)) < MIN_POSITIVES:
        return None
    features = np.nan_to_num(np.concatenate([positives, others]))
    is_other = np.arange(len(features)) >= len(positives)
    fold_of_query = dict(
        zip(
            np.random.default_rng(seed).permutation(queries).tolist(),
            np.arange(len(queries)) % FOLDS,
            strict=True,
        )
    )
    folds = np.array([fold_of_query.get(query, 0) for query in (*positive_queries, *other_queries)])
    found = np.zeros(len(positives))
    for fold in range(FOLDS):
        seen = np.flatnonzero(folds != fold)
        if len(seen) > MAX_ROWS:
            seen = np.sort(np.random.default_rng(seed + fold).choice(seen, MAX_ROWS, replace=False))
        model = ExtraTreesClassifier(
            TREES, min_samples_leaf=MIN_LEAF, class_weight="balanced", random_state=seed
        ).fit(features[seen], is_other[seen])
        judged = (folds == fold) & ~is_other
        if judged.any():
            found[judged[: len(positives)]] = model.predict_proba(features[judged])[:, 1]
    return found
