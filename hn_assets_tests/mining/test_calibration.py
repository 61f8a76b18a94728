"""Hiding known positives: what is hidden, what is measured, and what threshold comes of it."""

import numpy as np
import pandas as pd
import pytest

from hn_assets.mining.data.candidate_block import CandidateBlock
from hn_assets.mining.data.indexed_dataset import IndexedDataset, Texts
from hn_assets.mining.holdout.audit import CHOSEN, audit
from hn_assets.mining.holdout.calibration import Calibration, CrossValidation, calibrate
from hn_assets.mining.holdout.holdout import Holdout, HoldoutSplit, estimate_rate
from hn_assets.mining.miner import Miner
from hn_assets.mining.plan import make_plan, planned_sampling
from hn_assets.mining.relevance.logistic_model import FEATURES, RelevanceModel
from hn_assets.mining.sampling import Sampling
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets_tests.mining.ranked_dataset import InMemory

TOP = Sampling("top", 15)


class Topics:
    """Topics of 40 passages each; of a topic, a query's first passages are labelled.

    A passage of the topic is relevant; those of other topics are not. Vectors are the topic's
    direction and noise, so that relevant passages lie close together.
    """

    def __init__(self, topics: int = 60, labelled: int = 6, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        size, relevant = 40, 12
        centres = rng.normal(size=(topics, 24))
        near = np.repeat(centres, size, axis=0) + rng.normal(size=(topics * size, 24)) * 1.2
        is_relevant = np.tile(np.arange(size) < relevant, topics)
        # the others of a topic are about something else, with some of its words
        others = 0.55 * np.repeat(centres, size, axis=0) + rng.normal(size=near.shape) * 1.2
        vectors = np.where(is_relevant[:, None], near, others)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        asked = centres + rng.normal(size=centres.shape) * 0.5
        asked /= np.linalg.norm(asked, axis=1, keepdims=True)
        self.documents = InMemory([f"d{i}" for i in range(len(vectors))], vectors)
        self.asked = InMemory([f"q{i}" for i in range(topics)], asked)
        pairs = [(t, t * size + i) for t in range(topics) for i in range(relevant)]
        self.relevant = {(t, d) for t, d in pairs}
        self.qrels = pd.DataFrame(
            [
                {"query_id": f"q{t}", "doc_id": f"d{d}", "score": 1, "split": "train"}
                for t, d in pairs
                if d % size < labelled
            ]
        )
        texts = Texts(1000 + np.arange(len(vectors)), np.arange(topics), empty=-1)
        queries = pd.DataFrame({"id": self.asked.ids, "split": "train"})
        self.collection = IndexedDataset.build(
            self.documents.ids, self.asked.ids, texts, queries, self.qrels, "train"
        )
        scores = self.asked.vectors @ self.documents.vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :230]
        self.block = CandidateBlock(np.arange(topics), order, np.take_along_axis(scores, order, 1))

    @property
    def holdout(self) -> Holdout:
        return Holdout([self.block], self.collection, self.asked, self.documents, seed=1)


@pytest.fixture(scope="module")
def topics() -> Topics:
    return Topics()


def wanted(target: float, unlabelled: float = 1.0) -> FiltersSettings:
    return FiltersSettings(target_false_negative_rate=target, unlabelled_per_positive=unlabelled)


def test_a_half_is_hidden_and_what_is_hidden_can_be_mined(topics: Topics) -> None:
    holdout = topics.holdout
    halves = holdout.halves(0)
    assert [view.visible.sum() for view in halves] == [3] * 60
    assert all(view.known.all() for view in halves)
    trials = holdout.hide(halves, halves)
    for row, view in enumerate(halves):
        positives = topics.collection.positives.of(holdout.rows[view.place])
        ranked = topics.block.documents[row]
        expected = np.isin(ranked, positives[~view.visible])
        assert np.array_equal(trials.hidden[row], expected)
        assert not trials.eligible[row][np.isin(ranked, positives[view.visible])].any()
    others = holdout.halves(1)
    assert any((a.visible != b.visible).any() for a, b in zip(halves, others, strict=True))


def test_every_visible_positive_is_hidden_once_and_what_was_hidden_stays_unknown(
    topics: Topics,
) -> None:
    holdout = topics.holdout
    halves = holdout.halves(0)
    views = holdout.left_out(halves)
    for half in halves:
        own = [view for view in views if view.place == half.place]
        hidden = np.sum([view.known & ~view.visible for view in own], axis=0)
        assert np.array_equal(hidden, half.visible.astype(int))
    trials = holdout.hide(views, halves)
    for row, view in enumerate(views):
        positives = topics.collection.positives.of(holdout.rows[view.place])
        unknown = np.isin(topics.block.documents[view.place], positives[~view.known])
        # nobody knows of these: they can be mined, and do not count as hidden
        assert trials.eligible[row][unknown].all()
        assert not trials.hidden[row][unknown].any()


def test_what_the_miner_sees_depends_on_nothing_hidden(topics: Topics) -> None:
    """Hiding a positive and not having it must look the same to the model."""
    holdout = topics.holdout
    halves = holdout.halves(0)
    seen = holdout.hide(halves, halves)
    labels = {
        (f"q{holdout.rows[view.place]}", f"d{document}")
        for view in halves
        for document in topics.collection.positives.of(holdout.rows[view.place])[view.visible]
    }
    other = Topics()
    kept = [pair in labels for pair in zip(other.qrels.query_id, other.qrels.doc_id, strict=True)]
    collection = IndexedDataset.build(
        other.documents.ids,
        other.asked.ids,
        other.collection.texts,
        pd.DataFrame({"id": other.asked.ids, "split": "train"}),
        other.qrels[kept],
        "train",
    )
    fewer = Holdout([other.block], collection, other.asked, other.documents, seed=1)
    everything = fewer.all_visible()
    truly = fewer.hide(everything, everything)
    assert np.array_equal(seen.eligible, truly.eligible)
    assert np.allclose(seen.features(), truly.features(), atol=1e-6)


def test_production_sees_what_the_laboratory_saw(topics: Topics) -> None:
    settings = wanted(0.05)
    plan = make_plan(MiningSettings(), settings, calibration_of(topics, settings))
    miner = Miner(topics.collection, topics.asked, topics.documents, plan, seed=1)
    (mined,) = miner.mine(topics.block)
    holdout = topics.holdout
    views = holdout.all_visible()
    trials = holdout.hide(views, views)
    assert plan.calibration is not None and plan.calibration.model is not None
    expected = plan.calibration.model.probability(trials.features())
    assert mined.probability is not None
    assert np.allclose(mined.probability[trials.eligible], expected[trials.eligible], atol=1e-6)


def calibration_of(topics: Topics, settings: FiltersSettings) -> Calibration:
    return calibrate(topics.holdout, TOP, settings, len(topics.asked))


@pytest.mark.parametrize("target", [0.01, 0.05])
def test_the_rate_on_labels_that_nobody_saw_keeps_the_target(topics: Topics, target: float) -> None:
    """Six of twelve relevant passages are labelled: as many are not, and must not be mined."""
    settings = wanted(target)
    found = calibration_of(topics, settings)
    assert found.is_supported and found.is_reached
    plan = make_plan(MiningSettings(), settings, found)
    miner = Miner(topics.collection, topics.asked, topics.documents, plan, seed=1)
    (mined,) = miner.mine(topics.block)
    query, place = np.nonzero(mined.chosen)
    documents = mined.block.documents[query, place]
    wrong = sum((q, d) in topics.relevant for q, d in zip(query, documents, strict=True))
    top = topics.block.documents[:, 6:21]
    careless = sum((q, int(d)) in topics.relevant for q in range(60) for d in top[q])
    assert wrong / len(query) <= target + 0.01
    assert careless / top.size > 0.2
    assert miner.report().enough == 60


def test_a_lower_target_takes_easier_negatives(topics: Topics) -> None:
    thresholds = [calibration_of(topics, wanted(t)).threshold for t in (0.003, 0.02, 0.1)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[2]
    more = calibration_of(topics, wanted(0.02, unlabelled=4.0))
    assert more.threshold < thresholds[1]


def test_fitting_and_judging_never_use_the_same_query(topics: Topics) -> None:
    holdout = topics.holdout
    views = holdout.all_visible()
    cross = CrossValidation(holdout, views, views, TOP)
    group = holdout.group(5)[cross.trials.query]
    values = cross.trials.features()
    for part in range(5):
        others = group != part
        eligible = cross.trials.eligible[others]
        model = RelevanceModel.fit(values[others][eligible], cross.trials.hidden[others][eligible])
        assert np.allclose(cross.probability[~others], model.probability(values[~others]))


def test_too_few_queries_with_two_positives_are_not_calibrated() -> None:
    few = Topics(topics=60, labelled=1)
    found = calibration_of(few, wanted(0.01))
    assert not found.is_supported
    assert found.rate is None
    assert "0 of 60 queries have two known positives or more" in found.why_not
    plan = make_plan(MiningSettings(), wanted(0.01), found)
    assert (plan.start, plan.end, plan.sampling.method) == (10, 210, "random")
    assert plan.filters.relative_margin == 0.05
    assert plan.calibration is None
    assert "no rate was measured" in plan.note
    own = MiningSettings(range_min=0, range_max=50, sampling="top")
    assert make_plan(own, wanted(0.01), found).end == 50


def test_a_calibration_is_kept_as_json(topics: Topics) -> None:
    found = calibration_of(topics, wanted(0.05))
    again = Calibration.from_json(found.as_json())
    assert again == found
    assert list(found.as_json()["features"]) == list(FEATURES)


def test_the_plan_follows_the_calibration_unless_settings_say_otherwise(topics: Topics) -> None:
    settings = wanted(0.05)
    found = calibration_of(topics, settings)
    plan = make_plan(MiningSettings(), settings, found)
    assert (plan.start, plan.end, plan.sampling.method) == (0, 210, "top")
    own = make_plan(MiningSettings(range_min=5, range_max=100, sampling="random"), settings, found)
    assert (own.start, own.end, own.sampling.method) == (5, 100, "random")
    assert planned_sampling(MiningSettings(), calibrated=False).method == "random"


def test_the_audit_measures_every_method_on_queries_calibration_never_saw(
    topics: Topics,
) -> None:
    settings = wanted(0.05)
    plan = make_plan(MiningSettings(), settings, calibration_of(topics, settings))
    found = audit(topics.holdout, plan, repeats=3)
    rows = {row["method"]: row for row in found.methods.to_dict("records")}
    assert rows["top 15"]["leak"] > 0.1
    own = rows[CHOSEN]
    assert own["target"] == 0.05
    assert own["leak"] <= 0.05
    # safer than hn_mine's window, and harder
    window = rows["hn_mine, ranks 10-210 at random"]
    assert own["mean_score"] > window["mean_score"]
    assert all(row["leak_low"] <= row["leak"] <= row["leak_high"] for row in rows.values())
    targets = found.methods[found.methods.target.notna()].sort_values("target")
    assert targets.leak.is_monotonic_increasing
    assert targets.mean_score.is_monotonic_increasing


def test_the_audit_of_fixed_settings_follows_them(topics: Topics) -> None:
    mining = MiningSettings(range_min=0, range_max=15, sampling="top")
    plan = make_plan(mining, FiltersSettings(), None)
    rows = audit(topics.holdout, plan, repeats=2).methods.set_index("method")
    assert rows.loc[CHOSEN, "leak"] == rows.loc["top 15", "leak"]
    margin = FiltersSettings(relative_margin=0.05)
    filtered = make_plan(MiningSettings(range_min=0, range_max=230, sampling="top"), margin, None)
    rows = audit(topics.holdout, filtered, repeats=2).methods.set_index("method")
    assert rows.loc[CHOSEN, "leak"] == rows.loc["5 % below the mean positive, top 15", "leak"]


def test_nothing_is_measured_where_no_query_has_two_positives() -> None:
    few = Topics(topics=20, labelled=1)
    plan = make_plan(MiningSettings(), FiltersSettings(), None)
    found = audit(few.holdout, plan)
    assert (found.queries, len(found.methods)) == (0, 0)
    assert "nothing was measured" in found.note


def test_a_leak_has_an_interval_over_queries() -> None:
    leak = estimate_rate(np.array([1.0, 0, 0, 1]), np.full(4, 10.0))
    assert leak.rate == 0.05
    assert leak.low == pytest.approx(0.05 - 1.96 * 0.025)
    assert leak.high == pytest.approx(0.05 + 1.96 * np.sqrt(4 * 0.5**2) / 40)
    none = estimate_rate(np.zeros(4), np.full(4, 10.0))
    assert (none.rate, none.high) == (0.0, 3 / 40)  # the rule of three
    twice = leak.times(2)
    assert (twice.rate, twice.negatives) == (0.1, 40)


def test_many_positives_of_one_query_are_hidden_in_five_parts() -> None:
    many = Topics(topics=40, labelled=12)
    holdout = many.holdout
    views = holdout.left_out([view for view in holdout.all_visible() if view.place == 3])
    assert len(views) == 5
    assert sorted(int((~view.visible).sum()) for view in views) == [2, 2, 2, 3, 3]
    assert all(isinstance(view, HoldoutSplit) and view.known.all() for view in views)
