"""The features of candidates: the same numbers, from one function, for mining and for the hold-out.

The filters look at them, and so does the calibrated model of relevance.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hn_assets.filters.base.candidate_features import (
    NOT_RANKED,
    CandidateFeatures,
    inverse_of,
    order_by_score,
    places_among,
)
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.relevance.logistic_model import RelevanceModel
from hn_assets.mining.relevance.similarity import WINDOW, Similarities

SMALLEST_SPREAD = 1e-4  # of scores and cosines: candidates that are all alike say nothing
LARGEST_INPUT = 30.0

# what the model of relevance looks at; all but the ranks in units that any encoder has
MODEL_INPUTS = (
    "score minus mean positive",
    "score beside the candidates",
    "log of rank",
    "cosine to the nearest positive",
    "mean minus nearest positive",
    "cosine to the best candidates",
    "local density",
    "cosine to the mean query",
    "another query it answers",
)
# what it looks at besides, if a retriever ranks by words
LEXICAL_INPUT = "log of lexical rank"


def candidate_features(
    block: CandidateBlock,
    *,
    eligible: NDArray[np.bool_],
    reference_scores: NDArray[np.float32],
    similarity: Similarities,
    judged_irrelevant: NDArray[np.bool_] | None = None,
    cross_query_similarity: NDArray[np.float32] | None = None,
    teacher_scores: NDArray[np.float32] | None = None,
    teacher_reference: NDArray[np.float32] | None = None,
    lexical_retrievers: Sequence[str] = (),
) -> CandidateFeatures:
    """Everything that candidates are judged by, except the probability of being relevant.

    Args:
        block: The rankings; a query may have several in the hold-out.
        eligible: Which candidates are not excluded whatever the settings; bool, (rankings, depth).
        reference_scores: The lowest, the mean and the highest score of the known positives of each
            ranking; float32, (rankings, 3).
        similarity: Of the candidates to the known positives, to one another and to queries.
        judged_irrelevant: What passes the filters of relevance; nothing if it is None.
        cross_query_similarity: Of the nearest other query that a candidate is a known positive of;
            needed for the model of relevance.
        teacher_scores: The teacher's scores, NaN for candidates without one.
        teacher_reference: The teacher's score that margins are measured from; (rankings, 1).
        lexical_retrievers: The retrievers of the block that rank by words; for the model of
            relevance.
    """
    if judged_irrelevant is None:
        judged_irrelevant = np.zeros(eligible.shape, bool)
    place_by_score = None
    if block.ranks is not None:
        order = order_by_score(block.scores)
        by_score = places_among(np.take_along_axis(eligible, order, 1))
        place_by_score = np.take_along_axis(by_score, inverse_of(order), 1)
    return CandidateFeatures(
        queries=block.queries,
        documents=block.documents,
        scores=block.scores,
        eligible=eligible,
        place=places_among(eligible),
        reference_scores=reference_scores,
        positive_similarity=similarity.closest,
        mean_positive_similarity=similarity.mean,
        local_density=similarity.local_density,
        best_similarity=similarity.best,
        query_similarity=similarity.queries,
        judged_irrelevant=judged_irrelevant,
        cross_query_similarity=cross_query_similarity,
        teacher_scores=teacher_scores,
        teacher_reference=teacher_reference,
        retrievers=block.retrievers,
        ranks=block.ranks,
        place_by_score=place_by_score,
        lexical_rank=_lexical_rank(block, lexical_retrievers),
    )


def _lexical_rank(block: CandidateBlock, retrievers: Sequence[str]) -> NDArray[np.int32] | None:
    """The best rank by several retrievers, `NOT_RANKED` if none of them found a candidate."""
    if not retrievers:
        return None
    if block.ranks is None:
        raise ValueError(f"the candidates do not say what {' and '.join(retrievers)} found")
    ranks = block.ranks[:, :, [block.retrievers.index(name) for name in retrievers]]
    return np.where(ranks >= 0, ranks, NOT_RANKED).min(axis=2)


def names_of_inputs(features: CandidateFeatures) -> tuple[str, ...]:
    """What `model_inputs` gives of these candidates, in its order."""
    return MODEL_INPUTS if features.lexical_rank is None else (*MODEL_INPUTS, LEXICAL_INPUT)


def model_inputs(features: CandidateFeatures) -> NDArray[np.float32]:
    """The numbers that the model of relevance looks at; float32, (rankings, depth, inputs).

    Cosines and scores lie in other ranges for each encoder, and for each query. So each is brought
    to the mean and the spread that it has among the query's best candidates; those to positives to
    the mean and the spread of the local density, which no positive changes. The best are those of
    the highest scores, and a rank is that among the scores, whatever the order of the rankings.
    The rank by words is the retriever's own; from `WINDOW` on it counts as that, and so does that
    of what no such retriever found, so that it is the same for every depth of search beyond.

    Raises:
        ValueError: The similarity to other queries was not computed.
    """
    if features.cross_query_similarity is None:
        raise ValueError("the model of relevance needs cross_query_similarity")
    if features.ranks is None:
        return _inputs_by_score(features, features.cross_query_similarity)
    order = features.score_order
    ordered = features.ordered(order)
    assert ordered.cross_query_similarity is not None
    inputs = _inputs_by_score(ordered, ordered.cross_query_similarity)
    return np.take_along_axis(inputs, features.score_rank[:, :, None], 1)


def _inputs_by_score(
    features: CandidateFeatures, cross_query_similarity: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The inputs of candidates that stand in the order of their scores."""
    best = features.documents[:, :WINDOW] >= 0
    scores = np.where(features.documents >= 0, features.scores, 0)
    mean_score, score_spread = _mean_and_spread(scores, best)
    mean_density, density_spread = _mean_and_spread(features.local_density, best)
    closest, mean = features.positive_similarity, features.mean_positive_similarity
    columns = [
        np.where(features.eligible, scores - features.reference("mean"), 0) / score_spread,
        (scores - mean_score) / score_spread,
        np.log1p(features.place if features.place_by_score is None else features.place_by_score),
        (closest - mean_density) / density_spread,
        (mean - closest) / density_spread,
        _standardised(features.best_similarity, best),
        (features.local_density - mean_density) / density_spread,
        _standardised(features.query_similarity, best),
        cross_query_similarity,
    ]
    if features.lexical_rank is not None:
        columns.append(np.log1p(np.minimum(features.lexical_rank, WINDOW)))
    inputs = np.stack(columns, axis=-1)
    return np.clip(inputs, -LARGEST_INPUT, LARGEST_INPUT).astype(np.float32)


def _mean_and_spread(
    values: NDArray[np.float32], best: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of the best candidates of each ranking; (rankings, 1) each."""
    window = values[:, : best.shape[1]]
    count = np.maximum(best.sum(axis=1, keepdims=True), 1)
    mean = window.sum(axis=1, keepdims=True, where=best) / count
    squares = ((window - mean) ** 2).sum(axis=1, keepdims=True, where=best)
    return mean, np.maximum(np.sqrt(squares / count), SMALLEST_SPREAD)


def _standardised(values: NDArray[np.float32], best: NDArray[np.bool_]) -> NDArray[np.float32]:
    mean, spread = _mean_and_spread(values, best)
    return (values - mean) / spread


def with_probability(
    features: CandidateFeatures, model: RelevanceModel, threshold: float
) -> CandidateFeatures:
    """The features with the probability of being relevant, and its calibrated limit.

    Raises:
        ValueError: The model reads other inputs than there are.
    """
    names = names_of_inputs(features)
    if model.features != names:
        raise ValueError(
            f"the model of relevance reads {', '.join(model.features)}, and the candidates have "
            f"{', '.join(names)}: calibrate with the retrievers that are mined"
        )
    probability = model.probability(model_inputs(features))
    return replace(features, probability=probability, probability_threshold=threshold)
