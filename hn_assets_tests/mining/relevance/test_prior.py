"""The model that ships, and how a dataset's own labels sharpen it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hn_assets.mining.relevance.compute_features import LEXICAL_INPUT, MODEL_INPUTS
from hn_assets.mining.relevance.logistic_model import RelevanceModel
from hn_assets.mining.relevance.prior import shipped_prior

INPUTS = len(MODEL_INPUTS)


def _candidates(
    count: int, weights: NDArray[np.floating], seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Inputs like those of the prior, and what is relevant by other weights; one in 50 or so."""
    rng = np.random.default_rng(seed)
    prior = shipped_prior().model
    scaled = rng.normal(size=(count, INPUTS))
    chance = 1 / (1 + np.exp(-(scaled @ weights - 5)))
    inputs = scaled * np.array(prior.scale) + np.array(prior.mean)
    return inputs.astype(np.float32), rng.random(count) < chance


@pytest.mark.parametrize("with_lexical_rank", [False, True])
def test_the_prior_that_ships_says_where_it_comes_from(*, with_lexical_rank: bool) -> None:
    prior = shipped_prior(with_lexical_rank=with_lexical_rank)
    more = (LEXICAL_INPUT,) * with_lexical_rank
    assert prior.model.features == (*MODEL_INPUTS, *more)
    assert len(prior.spread) == INPUTS + len(more) and min(prior.spread) > 0
    assert set(prior.provenance) >= {"command", "encoder", "collections", "on_unseen_collections"}
    assert set(prior.provenance["collections"]) == set(prior.provenance["on_unseen_collections"])
    for found in prior.provenance["on_unseen_collections"].values():
        assert found["leak_at_its_hardness"] < found["leak_of_hn_mine"]
    assert 1 < prior.rate_factor < 4


def test_what_ranks_higher_by_words_is_more_probably_relevant() -> None:
    plain, words = (shipped_prior(with_lexical_rank=one) for one in (False, True))
    assert words.model.weights[-1] < 0
    # fitted on the same candidates, the model leaks less on collections that it has not seen
    leaks = [
        np.mean([one["leak_at_its_hardness"] / one["leak_of_hn_mine"] for one in found.values()])
        for found in (p.provenance["on_unseen_collections"] for p in (plain, words))
    ]
    assert leaks[1] < leaks[0]


def test_without_a_relevant_candidate_nothing_is_known_beyond_the_prior() -> None:
    inputs, _ = _candidates(500, np.zeros(INPUTS))
    prior = shipped_prior()
    assert prior.fit(inputs, np.zeros(500, bool)) == prior.model
    assert prior.fit(inputs[:0], np.zeros(0, bool)) == prior.model


def test_labels_draw_the_model_from_the_prior_to_what_they_say() -> None:
    truth = np.array(shipped_prior().model.weights) + np.linspace(-0.8, 0.8, INPUTS)
    distance = []
    for count in (200, 2_000, 20_000, 200_000):
        model = shipped_prior().fit(*_candidates(count, truth))
        distance.append(float(np.abs(np.array(model.weights) - truth).mean()))
    assert distance == sorted(distance, reverse=True)
    assert distance[0] > 0.3 and distance[-1] < 0.1


def test_much_data_gives_what_scikit_learn_gives() -> None:
    from sklearn.linear_model import LogisticRegression

    inputs, relevant = _candidates(100_000, np.linspace(-1, 1, INPUTS))
    prior = shipped_prior().model
    found = prior.fit(inputs, relevant, np.full(INPUTS, 1e3))
    scaled = (inputs - np.array(prior.mean)) / np.array(prior.scale)
    theirs = LogisticRegression(C=1e6, max_iter=500).fit(scaled, relevant)
    assert np.allclose(found.weights, theirs.coef_[0], atol=0.01)
    assert found.intercept == pytest.approx(float(theirs.intercept_[0]), abs=0.01)


def test_the_intercept_follows_the_number_that_is_expected() -> None:
    inputs, _ = _candidates(2_000, np.ones(INPUTS))
    weights = np.linspace(0.5, 2, len(inputs)).astype(np.float64)
    for total in (3.0, 60.0, 900.0):
        model = shipped_prior().model.expecting(inputs, weights, total)
        assert float(model.probability(inputs) @ weights) == pytest.approx(total, rel=1e-3)
        assert model.weights == shipped_prior().model.weights


def test_a_candidate_that_counts_twice_is_as_good_as_two() -> None:
    inputs, relevant = _candidates(3_000, np.ones(INPUTS))
    spread = np.full(INPUTS, 0.5)
    twice = np.concatenate([inputs, inputs]), np.concatenate([relevant, relevant])
    model: RelevanceModel = shipped_prior().model
    left = model.fit(inputs, relevant, spread, np.full(len(inputs), 2.0))
    assert np.allclose(left.weights, model.fit(*twice, spread).weights, atol=1e-4)
