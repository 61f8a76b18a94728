"""What threshold comes of hiding known positives, and what rate it keeps."""

from itertools import pairwise

import numpy as np
import pytest

from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.miner import Miner
from hn_assets.mining.plan import Plan, make_plan
from hn_assets.mining.relevance.compute_features import MODEL_INPUTS, model_inputs
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets_tests.mining.holdout.topics_dataset import (
    TopicsDataset,
    calibration_of,
    target_rate,
)


@pytest.mark.parametrize("target", [0.01, 0.05])
def test_the_rate_on_labels_that_nobody_saw_keeps_the_target(
    topics: TopicsDataset, target: float
) -> None:
    """Six of twelve relevant passages are labelled: as many are not, and must not be mined."""
    settings = target_rate(target)
    found = calibration_of(topics, settings)
    assert found.is_reached
    plan = make_plan(MiningSettings(), settings, found)
    miner = Miner(topics.indexed, topics.query_vectors, topics.document_vectors, plan, seed=1)
    (mined,) = miner.mine(topics.block)
    query, place = np.nonzero(mined.chosen)
    documents = mined.block.documents[query, place]
    wrong = sum((q, d) in topics.relevant for q, d in zip(query, documents, strict=True))
    top = topics.block.documents[:, 6:21]
    careless = sum((q, int(d)) in topics.relevant for q in range(60) for d in top[q])
    assert wrong / len(query) <= target + 0.01
    assert careless / top.size > 0.2
    assert miner.report().enough == 60


def test_a_lower_target_takes_easier_negatives(topics: TopicsDataset) -> None:
    thresholds = [calibration_of(topics, target_rate(t)).threshold for t in (0.003, 0.02, 0.1)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[2]
    # more unlabelled passages for each positive take more probabilities above the same threshold
    hardness = [
        _mine(topics, make_plan(MiningSettings(), settings, calibration_of(topics, settings)))[1]
        for settings in (target_rate(0.02), target_rate(0.02, unlabelled=4.0))
    ]
    assert hardness[1] < hardness[0]


def test_a_softer_window_needs_less_of_a_threshold_and_keeps_the_target(
    topics: TopicsDataset,
) -> None:
    target = target_rate(0.02)
    found = {
        hardness: calibration_of(topics, target, MiningSettings(hardness=hardness))
        for hardness in (1.0, 0.7)
    }
    assert found[1.0] == calibration_of(topics, target)
    assert found[0.7].threshold > found[1.0].threshold
    plan = make_plan(MiningSettings(hardness=0.7), target, found[0.7])
    miner = Miner(topics.indexed, topics.query_vectors, topics.document_vectors, plan, seed=1)
    (mined,) = miner.mine(topics.block)
    query, place = np.nonzero(mined.chosen)
    pairs = zip(query, mined.block.documents[query, place], strict=True)
    wrong = sum((q, d) in topics.relevant for q, d in pairs)
    assert wrong / len(query) <= 0.03


def test_one_positive_of_each_query_is_enough_for_an_estimate() -> None:
    """Eleven of twelve relevant passages are not labelled, and no positive can be hidden."""
    few = TopicsDataset(topics=60, labelled=1)
    settings = FiltersSettings(target_false_negative_rate=0.02)
    found = calibration_of(few, settings)
    assert (found.kind, found.queries, found.queries_with_two, found.hidden) == (
        "estimated",
        60,
        0,
        0,
    )
    assert found.is_reached and found.share_of_own_labels == 0
    # it is estimated, not assumed, that most are not labelled
    assert found.unlabelled_per_positive > 3
    assert "No query has two known positives" in found.basis()
    plan = make_plan(MiningSettings(), settings, found)
    assert (plan.start, plan.end, plan.sampling.method) == (0, 210, "top")
    top = MiningSettings(range_min=0, sampling="top")
    careless, _ = _mine(few, make_plan(top, FiltersSettings(), None))
    # an estimate, for data unlike any collection that it comes from
    assert _mine(few, plan)[0] <= min(0.1, 0.25 * careless)


def _mine(topics: TopicsDataset, plan: Plan) -> tuple[float, float]:
    """Which share of the negatives is relevant, and their mean score."""
    miner = Miner(topics.indexed, topics.query_vectors, topics.document_vectors, plan, seed=1)
    wrong, scores = 0, []
    for mined in miner.mine(topics.block):
        query, place = np.nonzero(mined.chosen)
        rows = mined.block.queries[query]
        pairs = zip(rows, mined.block.documents[query, place], strict=True)
        wrong += sum((q, d) in topics.relevant for q, d in pairs)
        scores += mined.block.scores[query, place].tolist()
    return wrong / len(scores), float(np.mean(scores))


def test_no_number_of_queries_with_two_positives_changes_everything() -> None:
    leaks = [_leak_at_fixed_hardness(with_two) for with_two in (0, 5, 10, 20, 30, 45, 60)]
    for before, after in pairwise(leaks):
        # so much is chance among 900 negatives
        assert abs(after - before) < 0.01
    assert leaks[-1] < leaks[0] + 0.005
    # a random choice of the same hardness
    assert max(leaks) < 0.5 * _leak_at_fixed_hardness(None)


def _leak_at_fixed_hardness(with_two: int | None) -> float:
    """The share of relevant negatives at the threshold where they score as ranks 10 to 40 do.

    Args:
        with_two: How many queries have two positives; None for a random choice of these ranks.
    """
    holdout = TopicsDataset(labelled=1).holdout_of(1)
    everything = holdout.all_visible()
    features = holdout.hide(everything, everything).features
    relevant = features.documents % 40 < 12
    relevant &= features.documents // 40 == features.queries[:, None]
    ranks = features.eligible & (features.place >= 10) & (features.place < 40)
    if with_two is None:
        return float(relevant[ranks].mean())
    wanted = features.scores[ranks].mean()
    topics = TopicsDataset(labelled=1, with_two=with_two)
    found = calibration_of(topics, FiltersSettings(target_false_negative_rate=0.02))
    probability = found.model.probability(model_inputs(features))
    for threshold in np.geomspace(1, 1e-6, 200):
        left = features.eligible & (probability < threshold)
        chosen = left & (np.cumsum(left, axis=1) <= 15)
        if features.scores[chosen].mean() < wanted:
            return float(relevant[chosen].mean())
    raise AssertionError("no threshold is low enough")


def test_a_number_that_the_settings_name_is_called_assumed(topics: TopicsDataset) -> None:
    assumed = calibration_of(topics, target_rate(0.02, unlabelled=3.0))
    assert (assumed.kind, assumed.unlabelled_per_positive) == ("assumed", 3.0)
    assert "assumed on" in assumed.describe()
    assert assumed.false_negative_rate.kind == "assumed"


def test_a_calibration_is_kept_as_json(topics: TopicsDataset) -> None:
    found = calibration_of(topics, target_rate(0.05))
    assert Calibration.model_validate_json(found.model_dump_json()) == found
    assert found.model.features == MODEL_INPUTS
