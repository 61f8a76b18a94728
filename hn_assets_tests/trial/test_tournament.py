"""The tournament finds what is there, and nothing where nothing is."""

import sys

import numpy as np
import pytest

from hn_assets.extras import MissingExtraError
from hn_assets.trial.rules import Rules, RunResult
from hn_assets.trial.tournament import Tournament
from hn_assets_tests.trial.measured import FOLDS, runs_of, simulate

HOURS = 3600.0


def hold(
    effects: list[float],
    *,
    queries: int = 400,
    seed: int = 0,
    budget: float = 100 * HOURS,
    min_repeats: int = 4,
    max_repeats: int = 8,
    noise: float = 0.1,
    seed_noise: float = 0.003,
) -> tuple[Tournament, list[str]]:
    lines: list[str] = []
    rules = Rules(
        confidence=0.95,
        min_repeats=min_repeats,
        max_repeats=max_repeats,
        folds=FOLDS,
        queries=queries,
        budget_seconds=budget,
    )
    plans = [f"p{number}" for number in range(len(effects))]
    measure = simulate(effects, queries=queries, seed=seed, noise=noise, seed_noise=seed_noise)
    tournament = Tournament(plans, rules, measure, lines.append)
    tournament.run()
    return tournament, lines


def test_a_plan_that_trains_better_wins() -> None:
    tournament, _ = hold([0.0, 0.0, 0.06, 0.01])
    assert tournament.leader == "p2"
    assert tournament.is_settled
    best, *others = tournament.standings()
    assert (best.plan, best.state) == ("p2", "leads")
    for one in others:
        assert one.beside_leader is not None
        assert one.beside_leader.high < 0 or one.state == "left early"


@pytest.mark.parametrize("plans", [2, 5])
def test_equal_plans_have_no_winner(plans: int) -> None:
    """At most one in ten tournaments may name a winner; the seeds are fixed."""
    won = [hold([0.0] * plans, queries=120, seed=seed)[0].is_settled for seed in range(10)]
    assert sum(won) <= 1


@pytest.mark.parametrize("plans", [2, 5])
def test_seeds_that_move_every_query_of_a_repeat_make_no_winner(plans: int) -> None:
    """Nor is a plan left for good after one unlucky training."""
    won = [
        hold([0.0] * plans, queries=60, seed=seed, max_repeats=4, noise=0.05, seed_noise=0.04)[
            0
        ].is_settled
        for seed in range(20)
    ]
    assert sum(won) <= 2


def test_names_that_are_shuffled_have_no_winner() -> None:
    """Plans that differ, under names that say nothing: each run is of any of them."""
    plans, winners = 4, 0
    for seed in range(10):
        measure = simulate([0.0, 0.02, 0.04, 0.06], queries=120, seed=seed)
        orders = [np.random.default_rng([seed, r]).permutation(plans) for r in range(8)]

        def shuffled(plan: str, repeat: int, measure=measure, orders=orders) -> RunResult:
            return measure(f"p{orders[repeat][int(plan[1:])]}", repeat)

        rules = Rules(0.95, 4, 8, FOLDS, 120, 100 * HOURS)
        tournament = Tournament([f"p{i}" for i in range(plans)], rules, shuffled, print)
        tournament.run()
        winners += tournament.is_settled
    assert winners <= 1


def test_a_clearly_worse_plan_is_left_before_the_others() -> None:
    tournament, lines = hold([0.0, -0.3, 0.0])
    assert tournament.left_early == {"p1"}
    assert runs_of(tournament, "p1") < runs_of(tournament, "p0")
    assert "p1: clearly worse than the best so far; it is left" in lines
    state = {one.plan: one.state for one in tournament.standings()}
    assert state["p1"] == "left early"


def test_plans_that_cannot_be_told_apart_get_more_repeats() -> None:
    tournament, _ = hold([0.0, 0.0, -0.08], queries=400)
    assert runs_of(tournament, "p0") == runs_of(tournament, "p1") == 8
    assert runs_of(tournament, "p2") <= 4
    assert not tournament.is_settled


def test_the_cost_is_told_after_two_runs_and_the_budget_is_kept() -> None:
    # two repeats of five plans, ten seconds each, fit 80 % of it
    tournament, lines = hold([0.0] * 5, budget=130.0)
    assert "a run takes about 10 s, so that 5 plans with 2 repeats take about 2 min" in lines[2]
    assert "the smallest difference that the queries can show is about" in lines[2]
    assert tournament.seconds <= 130.0
    assert all(runs_of(tournament, plan) >= 2 for plan in tournament.plans)


def test_without_the_extra_nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    tournament = Tournament(["p0", "p1"], Rules(0.95, 4, 8, FOLDS, 9, HOURS), simulate, print)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=r"hn_assets\[trial\]"):
        tournament.run()
    assert not tournament.runs


def test_a_budget_that_is_too_small_leaves_plans_untried_and_names_no_winner() -> None:
    tournament, _ = hold([0.0, 0.5, 0.0, 0.0], budget=25.0)
    assert tournament.runs == 2
    assert not tournament.is_settled
    standings = tournament.standings()
    assert standings[0].plan == "p1"
    assert [one.state for one in standings[2:]] == ["not tried", "not tried"]


def test_what_seeds_move_is_part_of_the_interval() -> None:
    """All queries of a fold move together, which the spread over queries alone does not show."""

    def measure(plan: str, repeat: int) -> RunResult:
        shift = np.random.default_rng([int(plan[1:]), repeat]).normal(0, 0.05)
        return RunResult({f"q{4 * i + repeat % 4}": 0.5 + shift + i * 1e-6 for i in range(50)}, 1.0)

    rules = Rules(0.95, 4, 4, FOLDS, 200, HOURS)
    tournament = Tournament(["p0", "p1", "p2"], rules, measure, print)
    tournament.run()
    assert not tournament.is_settled
    assert 0.02 < tournament.seed_variance.value**0.5 < 0.2
