"""The sample is random, its chances are known, and it measures the reviewer without telling."""

import numpy as np
import pandas as pd
import pytest

from hn_assets.review.draw_sample import (
    Population,
    allocate,
    draw_sample,
    name_negatives,
    stratum_sizes,
)
from hn_assets.settings.review import ReviewSettings


def make_population(
    *, with_probability: bool = True, positives: int = 2, version: str = "v1", queries: int = 80
) -> Population:
    ids = [f"d{i}" for i in range(500)]
    pairs = [(f"q{q}", ids[(7 * q + 3 * n) % 400]) for q in range(queries) for n in range(10)]
    negatives = pd.DataFrame(pairs, columns=["query_id", "doc_id"])
    spread = np.linspace(0, 1, len(negatives))
    return Population(
        negatives.assign(
            margin=-spread,
            positive_similarity=spread / 2,
            probability=0.2 * (1 - spread) ** 8 if with_probability else np.nan,
        ),
        {f"q{q}": [f"d{400 + q}", f"d{401 + q}"][:positives] for q in range(queries)},
        ids,
        {f"q{q}": frozenset(ids[:250]) for q in range(queries)},
        version,
    )


def drawn(sample: pd.DataFrame) -> pd.DataFrame:
    return sample[(sample.kind == "negative") & ~sample.is_repeat]


def test_everything_wanted_is_there_once() -> None:
    sample = draw_sample(make_population(), ReviewSettings())
    assert len(drawn(sample)) == 100
    assert (sample.kind == "positive").sum() == (sample.kind == "random").sum() == 20
    assert sample.is_repeat.sum() == 10
    assert list(sample["item"]) == list(range(1, 151))
    assert not drawn(sample).duplicated(["query_id", "doc_id"]).any()


def test_a_repeat_stands_behind_the_first_showing() -> None:
    sample = draw_sample(make_population(), ReviewSettings())
    for row in sample[sample.is_repeat].to_dict("records"):
        same = sample[(sample.query_id == row["query_id"]) & (sample.doc_id == row["doc_id"])]
        assert len(same) == 2
        assert same["item"].min() <= 70 < row["item"]
        assert same.positive_id.nunique(dropna=False) == 1


@pytest.mark.parametrize("with_probability", [True, False])
def test_the_estimate_is_unbiased(with_probability: bool) -> None:
    """Over many seeds, the weighted mean of any property is that of all negatives."""
    population = make_population(with_probability=with_probability)
    is_true = population.negatives.assign(value=np.arange(800) % 5 == 0).set_index(
        ["query_id", "doc_id"]
    )
    settings = [ReviewSettings(num_negatives=80, seed=seed) for seed in range(40)]
    means = []
    for each in settings:
        found = drawn(draw_sample(population, each)).set_index(["query_id", "doc_id"])
        value = is_true.value.loc[found.index].to_numpy()
        means.append((value / found.inclusion_probability.astype(float)).sum() / 800)
    assert np.mean(means) == pytest.approx(0.2, abs=0.02)
    assert len({round(mean, 6) for mean in means}) > 10


def test_what_is_probably_relevant_is_drawn_more_often() -> None:
    found = drawn(draw_sample(make_population(), ReviewSettings()))
    chance = found.groupby("stratum").inclusion_probability.first().astype(float)
    assert chance[0] > 1.5 * chance[2]
    even = drawn(draw_sample(make_population(with_probability=False), ReviewSettings()))
    assert even.inclusion_probability.astype(float).std() < 0.01


def test_strata_and_their_verdicts_add_up() -> None:
    sizes = stratum_sizes(1_234, 100)
    assert list(sizes) == [123, 371, 740]
    for wanted in (6, 100, 1_000, 5_000):
        counts = allocate(sizes, wanted, np.array([0.3, 0.1, 0.0]))
        assert counts.sum() == min(wanted, 1_234)
        assert (counts <= sizes).all()
        assert (counts >= 2).all()
    assert list(stratum_sizes(1_234, 50)) == [1_234]
    assert list(allocate(np.array([3]), 100, None)) == [3]


def test_random_documents_are_no_candidates_and_positives_are_not_their_own_company() -> None:
    population = make_population()
    sample = draw_sample(population, ReviewSettings())
    chosen = sample[sample.kind == "random"]
    for row in chosen.itertuples():
        assert row.doc_id not in population.candidates[str(row.query_id)]
        assert row.doc_id not in population.positives[str(row.query_id)]
    shown = sample[sample.kind == "positive"]
    assert shown.positive_id.notna().all()
    assert (shown.positive_id != shown.doc_id).all()


def test_with_one_positive_a_query_its_absence_gives_nothing_away() -> None:
    sample = draw_sample(make_population(positives=1), ReviewSettings(num_repeats=0))
    alone = sample[sample.positive_id.isna()]
    assert (alone.kind == "positive").sum() == 20
    assert (alone.kind == "negative").sum() == 20
    assert alone[alone.kind == "negative"]["item"].max() > 70


def test_the_same_negatives_give_the_same_sample_and_others_another() -> None:
    one = draw_sample(make_population(), ReviewSettings())
    again = draw_sample(make_population(), ReviewSettings(verdicts="x.csv"))
    pd.testing.assert_frame_equal(one, again)
    other = draw_sample(make_population(version="v2"), ReviewSettings())
    assert set(other["sample"]) != set(one["sample"])
    both = drawn(one).merge(drawn(other), on=["query_id", "doc_id"])
    # the chance of each is an eighth or more, so that about 13 to 30 are in both
    assert len(both) < 50


def test_few_negatives_are_all_drawn() -> None:
    population = make_population(queries=1)
    sample = draw_sample(population, ReviewSettings())
    assert len(drawn(sample)) == 10
    assert (drawn(sample).inclusion_probability == 1).all()
    assert (sample.kind == "positive").sum() == 2


def test_negatives_are_named_by_their_pairs() -> None:
    negatives = make_population().negatives
    name = name_negatives(negatives)
    assert name_negatives(negatives[::-1].assign(margin=0)) == name
    assert name_negatives(negatives[1:]) != name
    swapped = negatives.assign(query_id=negatives.doc_id, doc_id=negatives.query_id)
    assert name_negatives(swapped) != name


def test_of_no_negatives_nothing_is_drawn() -> None:
    assert len(draw_sample(make_population(queries=0), ReviewSettings())) == 0
