"""A model of relevance that is fitted on a sample is that of all candidates, nearly."""

import numpy as np
import pytest

from hn_assets.mining.holdout import cross_validation
from hn_assets.mining.holdout.cross_validation import CrossValidation, _to_fit_on
from hn_assets_tests.mining.holdout.topics_dataset import TopicsDataset


def test_a_sample_of_the_irrelevant_candidates_stands_for_all_of_them(
    topics: TopicsDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = topics.holdout.all_visible()
    whole = CrossValidation(topics.holdout, splits, splits)
    eligible, hidden = whole.rankings.features.eligible, whole.rankings.hidden
    irrelevant = int((eligible & ~hidden).sum())
    monkeypatch.setattr(cross_validation, "MAX_IRRELEVANT", irrelevant // 10)
    weights = _to_fit_on(whole.rankings)
    assert weights[eligible & hidden].tolist() == [1.0] * whole.hidden
    assert not weights[~eligible].any()
    sampled = (weights > 0) & ~hidden
    assert sampled.sum() == pytest.approx(irrelevant / 10, rel=0.1)
    assert weights[~hidden].sum() == pytest.approx(irrelevant, rel=0.1)
    # the rankings of a query, each with another positive hidden, give other candidates
    of_first = sampled[whole.rankings.query == whole.rankings.query[0]]
    assert (of_first != of_first[0]).any()
    part = CrossValidation(topics.holdout, splits, splits)
    found, wanted = np.array(part.model.weights), np.array(whole.model.weights)
    assert np.abs(found - wanted).max() < 0.2 * np.abs(wanted).max()
