"""What threshold comes of hiding known positives, and what rate it keeps."""

import numpy as np
import pytest

from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.miner import Miner
from hn_assets.mining.plan import make_plan
from hn_assets.mining.relevance.compute_features import MODEL_INPUTS
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
    assert found.is_supported and found.is_reached
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
    more = calibration_of(topics, target_rate(0.02, unlabelled=4.0))
    assert more.threshold < thresholds[1]


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


def test_too_few_queries_with_two_positives_are_not_calibrated() -> None:
    few = TopicsDataset(topics=60, labelled=1)
    found = calibration_of(few, target_rate(0.01))
    assert not found.is_supported
    assert found.rate is None
    assert "0 of 60 queries have two known positives or more" in found.why_not
    plan = make_plan(MiningSettings(), target_rate(0.01), found)
    assert (plan.start, plan.end, plan.sampling.method) == (10, 210, "random")
    assert plan.filters.relative_margin == 0.05
    assert plan.calibration is None
    assert "no rate was measured" in plan.note
    own = MiningSettings(range_min=0, range_max=50, sampling="top")
    assert make_plan(own, target_rate(0.01), found).end == 50


def test_a_calibration_is_kept_as_json(topics: TopicsDataset) -> None:
    found = calibration_of(topics, target_rate(0.05))
    assert Calibration.model_validate_json(found.model_dump_json()) == found
    assert found.model is not None
    assert found.model.features == MODEL_INPUTS
