"""Known positives are hidden, and the rankings look as if they had never been labelled."""

import numpy as np
import pandas as pd

from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.holdout.cross_validation import CrossValidation
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.splits import HoldoutSplit
from hn_assets.mining.miner import Miner
from hn_assets.mining.plan import make_plan
from hn_assets.mining.relevance.compute_features import model_inputs
from hn_assets.mining.relevance.prior import shipped_prior
from hn_assets.settings.mining import MiningSettings
from hn_assets_tests.mining.holdout.topics_dataset import (
    TopicsDataset,
    calibration_of,
    target_rate,
)


def test_a_half_is_hidden_and_what_is_hidden_can_be_mined(topics: TopicsDataset) -> None:
    holdout = topics.holdout
    halves = holdout.halves(0)
    assert [split.visible.sum() for split in halves] == [3] * 60
    assert all(split.known.all() for split in halves)
    rankings = holdout.hide(halves, halves)
    for row, split in enumerate(halves):
        positives = topics.indexed.positives.of(holdout.rows[split.query])
        ranked = topics.block.documents[row]
        expected = np.isin(ranked, positives[~split.visible])
        assert np.array_equal(rankings.hidden[row], expected)
        assert not rankings.features.eligible[row][np.isin(ranked, positives[split.visible])].any()
    others = holdout.halves(1)
    assert any((a.visible != b.visible).any() for a, b in zip(halves, others, strict=True))


def test_every_visible_positive_is_hidden_once_and_what_was_hidden_stays_unknown(
    topics: TopicsDataset,
) -> None:
    holdout = topics.holdout
    halves = holdout.halves(0)
    splits = holdout.leave_out(halves)
    for half in halves:
        own = [split for split in splits if split.query == half.query]
        hidden = np.sum([split.known & ~split.visible for split in own], axis=0)
        assert np.array_equal(hidden, half.visible.astype(int))
    rankings = holdout.hide(splits, halves)
    for row, split in enumerate(splits):
        positives = topics.indexed.positives.of(holdout.rows[split.query])
        unknown = np.isin(topics.block.documents[split.query], positives[~split.known])
        # nobody knows of these: they can be mined, and do not count as hidden
        assert rankings.features.eligible[row][unknown].all()
        assert not rankings.hidden[row][unknown].any()


def test_what_the_miner_sees_depends_on_nothing_hidden(topics: TopicsDataset) -> None:
    """Hiding a positive and not having it must look the same to the model."""
    holdout = topics.holdout
    halves = holdout.halves(0)
    seen = holdout.hide(halves, halves)
    labels = {
        (f"q{holdout.rows[split.query]}", f"d{document}")
        for split in halves
        for document in topics.indexed.positives.of(holdout.rows[split.query])[split.visible]
    }
    other = TopicsDataset()
    kept = [pair in labels for pair in zip(other.qrels.query_id, other.qrels.doc_id, strict=True)]
    collection = IndexedDataset.build(
        other.document_vectors.ids,
        other.query_vectors.ids,
        other.indexed.texts,
        pd.DataFrame({"id": other.query_vectors.ids, "split": "train"}),
        other.qrels[kept],
        "train",
    )
    fewer = Holdout(
        lambda _: [other.block], collection, other.query_vectors, other.document_vectors, seed=1
    )
    everything = fewer.all_visible()
    truly = fewer.hide(everything, everything)
    assert np.array_equal(seen.features.eligible, truly.features.eligible)
    assert np.allclose(model_inputs(seen.features), model_inputs(truly.features), atol=1e-6)


def test_mining_computes_the_same_features_as_the_hold_out(topics: TopicsDataset) -> None:
    settings = target_rate(0.05)
    plan = make_plan(MiningSettings(), settings, calibration_of(topics, settings))
    miner = Miner(topics.indexed, topics.query_vectors, topics.document_vectors, plan, seed=1)
    (mined,) = miner.mine(topics.block)
    holdout = topics.holdout
    splits = holdout.all_visible()
    rankings = holdout.hide(splits, splits)
    assert plan.calibration is not None
    expected = plan.calibration.model.probability(model_inputs(rankings.features))
    assert mined.features.probability is not None
    assert np.allclose(
        mined.features.probability[rankings.features.eligible],
        expected[rankings.features.eligible],
        atol=1e-6,
    )


def test_many_positives_of_one_query_are_hidden_in_five_parts() -> None:
    many = TopicsDataset(topics=40, labelled=12)
    holdout = many.holdout
    splits = holdout.leave_out([split for split in holdout.all_visible() if split.query == 3])
    assert len(splits) == 5
    assert sorted(int((~split.visible).sum()) for split in splits) == [2, 2, 2, 3, 3]
    assert all(isinstance(split, HoldoutSplit) and split.known.all() for split in splits)


def test_fitting_and_judging_never_use_the_same_query(topics: TopicsDataset) -> None:
    holdout = topics.holdout
    splits = holdout.all_visible()
    cross = CrossValidation(holdout, splits, splits)
    group = holdout.groups(5)[cross.rankings.query]
    values = model_inputs(cross.rankings.features)
    for part in range(5):
        others = group != part
        eligible = cross.rankings.features.eligible[others]
        fitted = shipped_prior().fit(
            values[others][eligible],
            cross.rankings.hidden[others][eligible],
            cross.unlabelled.per_positive,
        )
        judged = fitted.log_odds(values[~others])
        # only the number of relevant candidates that it expects is the same for all groups
        seen = np.log(cross.probability[~others] / (1 - cross.probability[~others]))
        usual = np.abs(seen) < 8
        assert usual.any() and np.ptp((seen - judged)[usual]) < 0.01
