"""The features of candidates: the same numbers, from one function, for mining and for the hold-out.

The filters look at them, and so does the calibrated model of relevance.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.relevance.logistic_model import RelevanceModel
from hn_assets.mining.relevance.positive_similarity import PositiveSimilarity

# what the model of relevance looks at
MODEL_INPUTS = (
    "score minus mean positive",
    "log of rank",
    "cosine to the nearest positive",
    "mean cosine to the positives",
    "cosine to the other candidates",
    "cosine to another query it answers",
)


def candidate_features(
    block: CandidateBlock,
    *,
    eligible: NDArray[np.bool_],
    reference_scores: NDArray[np.float32],
    similarity: PositiveSimilarity,
    judged_irrelevant: NDArray[np.bool_] | None = None,
    cross_query_similarity: NDArray[np.float32] | None = None,
    teacher_scores: NDArray[np.float32] | None = None,
    teacher_reference: NDArray[np.float32] | None = None,
) -> CandidateFeatures:
    """Everything that candidates are judged by, except the probability of being relevant.

    Args:
        block: The rankings; a query may have several in the hold-out.
        eligible: Which candidates are not excluded whatever the settings; bool, (rankings, depth).
        reference_scores: The lowest, the mean and the highest score of the known positives of each
            ranking; float32, (rankings, 3).
        similarity: Of the candidates to the known positives and to one another.
        judged_irrelevant: What passes the filters of relevance; nothing if it is None.
        cross_query_similarity: Of the nearest other query that a candidate is a known positive of;
            needed for the model of relevance.
        teacher_scores: The teacher's scores, NaN for candidates without one.
        teacher_reference: The teacher's score that margins are measured from; (rankings, 1).
    """
    if judged_irrelevant is None:
        judged_irrelevant = np.zeros(eligible.shape, bool)
    return CandidateFeatures(
        queries=block.queries,
        documents=block.documents,
        scores=block.scores,
        eligible=eligible,
        place=np.maximum(np.cumsum(eligible, axis=1) - 1, 0),
        reference_scores=reference_scores,
        positive_similarity=similarity.closest,
        mean_positive_similarity=similarity.mean,
        local_density=similarity.local_density,
        judged_irrelevant=judged_irrelevant,
        cross_query_similarity=cross_query_similarity,
        teacher_scores=teacher_scores,
        teacher_reference=teacher_reference,
    )


def model_inputs(features: CandidateFeatures) -> NDArray[np.float32]:
    """The numbers that the model of relevance looks at; float32, (rankings, depth, inputs).

    Raises:
        ValueError: The similarity to other queries was not computed.
    """
    if features.cross_query_similarity is None:
        raise ValueError("the model of relevance needs cross_query_similarity")
    columns = [
        features.score_minus_mean_positive,
        np.log1p(features.place),
        features.positive_similarity,
        features.mean_positive_similarity,
        features.local_density,
        features.cross_query_similarity,
    ]
    return np.stack(columns, axis=-1).astype(np.float32)


def with_probability(
    features: CandidateFeatures, model: RelevanceModel, threshold: float
) -> CandidateFeatures:
    """The features with the probability of being relevant, and its calibrated limit."""
    probability = model.probability(model_inputs(features))
    return replace(features, probability=probability, probability_threshold=threshold)
