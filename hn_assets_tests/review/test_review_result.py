"""Verdicts are matched with their sample, and measure a rate only of the negatives it is of."""

import numpy as np
import pandas as pd
import pytest

from hn_assets.review.review_result import ReviewResult, choose_sample, measure
from hn_assets.sources.verdicts import Verdict

COLUMNS = ["item", "query_id", "doc_id", "kind", "is_repeat"]
ITEMS = [
    (1, "q1", "a", "negative", False),
    (2, "q1", "b", "negative", False),
    (3, "q2", "a", "negative", False),
    (4, "q2", "c", "negative", False),
    (5, "q1", "p", "positive", False),
    (6, "q2", "r", "random", False),
    (7, "q1", "a", "negative", True),
]


def make_sample(name: str = "one") -> pd.DataFrame:
    sample = pd.DataFrame(ITEMS, columns=COLUMNS)
    is_negative = sample.kind == "negative"
    return sample.assign(
        sample=name,
        stratum=0,
        stratum_size=pd.Series(8.0, sample.index).where(is_negative),
        inclusion_probability=pd.Series(0.5, sample.index).where(is_negative),
    )


# what the sample was drawn from
NEGATIVES = pd.DataFrame(
    [(q, d) for q in ("q1", "q2") for d in ("a", "b", "c", "d")], columns=["query_id", "doc_id"]
)


def say(words: str, sample: str = "one", *, with_items: bool = True) -> list[Verdict]:
    """A verdict on each item in turn: + relevant, - not, ? unsure, a space for none."""
    meaning = {"+": True, "-": False, "?": None}
    return [
        Verdict(query, document, meaning[word], sample, item if with_items else None, "line")
        for (item, query, document, *_), word in zip(ITEMS, words, strict=False)
        if word != " "
    ]


def result_of(
    words: str, negatives: pd.DataFrame = NEGATIVES, *, with_items: bool = True
) -> ReviewResult:
    return measure(make_sample(), say(words, with_items=with_items), negatives, 0.9)


@pytest.mark.parametrize("with_items", [True, False])
def test_the_rate_and_the_errors_are_of_the_items_that_are_meant(with_items: bool) -> None:
    found = result_of("+---+-+", with_items=with_items)
    assert found.as_judged is not None
    assert (found.as_judged.rate, found.as_judged.negatives) == (0.25, 4)
    errors = found.errors
    assert (errors.positives, errors.missed) == (1, 0)
    assert (errors.random_documents, errors.false_alarms) == (1, 0)
    assert (errors.repeats, errors.repeats_agreeing) == (1, 1)
    assert (found.items, found.judged, found.unsure, found.negatives) == (7, 7, 0, 8)


def test_a_second_look_that_differs_is_seen_and_the_first_counts() -> None:
    found = result_of("-   +-+")
    assert (found.errors.repeats, found.errors.repeats_agreeing) == (1, 0)
    assert found.as_judged is not None
    assert found.as_judged.rate == 0


def test_what_the_reviewer_is_not_sure_of_is_not_judged() -> None:
    found = result_of("+?- +-")
    assert found.unsure == 1
    assert found.as_judged is not None
    assert (found.as_judged.negatives, found.as_judged.rate) == (2, 0.5)


def test_of_two_verdicts_on_an_item_the_last_counts() -> None:
    verdicts = say("----+-") + say("+")
    found = measure(make_sample(), verdicts, NEGATIVES, 0.9)
    assert found.as_judged is not None
    assert found.as_judged.rate == 0.25


def test_other_negatives_are_not_measured() -> None:
    others = NEGATIVES.assign(doc_id=[f"other {i}" for i in range(8)])
    found = result_of("----+-", others)
    assert found.rate is None
    assert found.unchanged_share == 0
    assert "only 0% of the reviewed negatives are still negatives" in found.describe()
    # what was judged relevant is no negative any more because of that, which changes nothing
    left = NEGATIVES[1:]
    assert result_of("+---+-", left).rate is not None
    assert result_of("----+-", left).rate is None
    many = pd.concat([NEGATIVES, NEGATIVES.assign(query_id="q3")])
    assert "drawn from 8 negatives and there are 16 now" in result_of("----+-", many).describe()


def test_verdicts_of_no_sample_measure_nothing() -> None:
    unknown = measure(make_sample(), say("----", "two"), NEGATIVES, 0.9)
    assert "of no sample that is known" in unknown.why_not_measured
    elsewhere = [Verdict("q9", "z", True, "", None, "line")]
    assert "of no sample" in measure(make_sample(), elsewhere, NEGATIVES, 0.9).why_not_measured
    assert "no drawn negative was judged" in result_of("????+-").why_not_measured
    assert measure(make_sample(), [], NEGATIVES, 0.9).rate is None


def test_verdicts_that_do_not_fit_their_item_are_counted() -> None:
    wrong = [Verdict("q1", "b", True, "one", 1, "line"), Verdict("q1", "z", True, "", None, "line")]
    found = measure(make_sample(), say("-") + wrong, NEGATIVES, 0.9)
    assert (found.not_in_sample, found.judged) == (2, 1)


def test_verdicts_without_a_name_are_of_the_sample_that_holds_most_of_them() -> None:
    other = make_sample("two").assign(doc_id="z")
    samples = pd.concat([other, make_sample()], ignore_index=True)
    assert choose_sample(samples, say("+---", "", with_items=False)) == "one"
    assert choose_sample(samples, say("+---", "two")) == "two"


def make_large_sample(people: int, seed: int) -> tuple[pd.DataFrame, list[Verdict], dict, float]:
    """600 drawn negatives, 3 % of them relevant, of which people judge the first ones."""
    rng = np.random.default_rng(seed)
    is_relevant = rng.random(600) < 0.03
    sample = pd.DataFrame(
        {
            "sample": "one",
            "item": range(1, 601),
            "query_id": [f"q{n}" for n in range(600)],
            "doc_id": "d",
            "kind": "negative",
            "is_repeat": False,
            "stratum": 0,
            "stratum_size": 6_000.0,
            "inclusion_probability": 0.1,
        }
    )
    # a judge who finds four of five, and calls one in thirty of the others relevant
    says = np.where(is_relevant, rng.random(600) < 0.8, rng.random(600) < 1 / 30)
    judge = {(f"q{n}", "d"): bool(says[n]) for n in range(600)}
    verdicts = [
        Verdict(f"q{n}", "d", bool(is_relevant[n]), "one", n + 1, "") for n in range(people)
    ]
    return sample, verdicts, judge, 0.03


def test_people_correct_the_judge_whatever_it_says() -> None:
    """Its opinion makes the estimate sharper; a judge that knows nothing does no harm."""
    held, errors, without = 0, [], []
    for seed in range(60):
        sample, verdicts, judge, true = make_large_sample(200, seed)
        negatives = sample[["query_id", "doc_id"]]
        found = measure(sample, verdicts, negatives, 0.0, judge)
        alone = measure(sample, verdicts, negatives, 0.0)
        assert found.with_judge is not None
        assert alone.with_judge is None
        assert alone.as_judged is not None
        held += found.with_judge.low <= true <= found.with_judge.high
        errors.append(found.with_judge.rate - true)
        without.append(alone.as_judged.rate - true)
    assert held >= 56
    assert abs(np.mean(errors)) < 0.003
    assert np.std(errors) < 0.95 * np.std(without)


def test_agreement_with_the_judge_is_told() -> None:
    sample, verdicts, judge, _ = make_large_sample(200, 0)
    found = measure(sample, verdicts, sample[["query_id", "doc_id"]], 0.0, judge)
    assert found.judged_by_both == 200
    assert found.kappa is not None
    assert 0.2 < found.kappa < 0.9
    same = {(v.query_id, v.doc_id): v.is_relevant for v in verdicts}
    agreeing = measure(sample, verdicts, sample[["query_id", "doc_id"]], 0.0, same)
    assert agreeing.kappa == 1
    none = dict.fromkeys(same)
    assert measure(sample, verdicts, sample[["query_id", "doc_id"]], 0.0, none).kappa is None
