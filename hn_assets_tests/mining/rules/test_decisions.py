"""The first reason that holds is the reason, and all who run the filters get the same."""

from pathlib import Path

import numpy as np
import pytest

from hn_assets.filters.all_filters import active_filters
from hn_assets.filters.base.candidate_features import CandidateFeatures
from hn_assets.filters.base.filter import FilterInputs, Rejection
from hn_assets.filters.kinds.near_duplicates import SHARES_WORD_RUNS, NearDuplicates
from hn_assets.filters.kinds.score_limits import MAX_SCORE, MIN_SCORE
from hn_assets.mining.relevance.compute_features import candidate_features
from hn_assets.mining.relevance.similarity import Similarities
from hn_assets.mining.rules.always_excluded import exclude
from hn_assets.mining.rules.decisions import KEPT, FilterDecisions, apply_filters, passing
from hn_assets.mining.rules.reasons import CODES
from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.mining.ranked_dataset import RankedDataset


def features_of(dataset: RankedDataset) -> tuple[CandidateFeatures, FilterDecisions]:
    """The features of all candidates, with the same similarity for all of them."""
    block, indexed = dataset.block(), dataset.indexed
    decisions = FilterDecisions.start(exclude(block, indexed))
    same = np.full(block.documents.shape, 0.5, np.float32)
    features = candidate_features(
        block,
        eligible=decisions.kept,
        reference_scores=np.full((len(block.queries), 3), 0.98, np.float32),
        similarity=Similarities(*[same] * 5),
        judged_irrelevant=indexed.judged_irrelevant.contain(block.queries, block.documents),
    )
    return features, decisions


def test_a_candidate_keeps_its_first_reason() -> None:
    decisions = FilterDecisions.start(np.full((1, 3), KEPT, np.int8))
    decisions.reject(Rejection(MIN_SCORE, np.array([[True, False, False]]), 0.25, 0.5))
    decisions.reject(Rejection(MAX_SCORE, np.array([[True, True, False]]), 0.75, 0.5))
    assert decisions.codes.tolist() == [[CODES[MIN_SCORE], CODES[MAX_SCORE], KEPT]]
    assert decisions.values[0, :2].tolist() == [0.25, 0.75]
    assert np.isnan(decisions.limits[0, 2])
    assert decisions.have([MAX_SCORE]).tolist() == [[False, True, False]]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_score": 0.95, "min_score": 0.93},
        {"absolute_margin": 0.02, "relative_margin": 0.03},
        {"max_positive_similarity": 0.4},
    ],
)
def test_without_reasons_the_same_candidates_pass(settings: dict[str, float]) -> None:
    dataset = RankedDataset(queries=2)
    dataset.judge("q1", "d0", 0)
    filters = active_filters(FiltersSettings.model_validate(settings))
    features, decisions = features_of(dataset)
    apply_filters(filters, features, decisions)
    assert np.array_equal(passing(filters, features), decisions.kept)


def test_a_filter_of_documents_must_be_prepared_and_passes_what_was_judged() -> None:
    dataset = RankedDataset(queries=2)
    dataset.judge("q1", "d4", 0)
    (one,) = active_filters(FiltersSettings(near_duplicate_overlap=1.0))
    assert isinstance(one, NearDuplicates)
    features, decisions = features_of(dataset)
    with pytest.raises(RuntimeError, match="prepare was not called"):
        apply_filters([one], features, decisions)
    texts = [f"text {i}" for i in range(10)]
    texts[4] = texts[2]
    positives = dataset.indexed.positives
    one.prepare(
        FilterInputs(
            base=Path(),
            query_ids=["q0", "q1"],
            query_texts=lambda: ["which text?", "which other?"],
            positive_queries=positives.queries(),
            positive_documents=positives.documents,
            texts=lambda: texts,
        )
    )
    apply_filters([one], features, decisions)
    assert np.argwhere(decisions.have([SHARES_WORD_RUNS])).tolist() == [[0, 4]]
