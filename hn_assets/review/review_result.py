"""From a sample and the verdicts on it to the measured rate, with the reviewer's errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from hn_assets.mining.holdout.rate import FalseNegativeRate
from hn_assets.review.draw_sample import NEGATIVE, POSITIVE, RANDOM
from hn_assets.review.measured_rate import (
    ReviewerErrors,
    Stratum,
    adjust_for_errors,
    stratified_rate,
)
from hn_assets.sources.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd


class ReviewResult(BaseModel):
    """What the verdicts of a review show.

    Attributes:
        sample: The name of the sample; "" if the verdicts are of none that is known.
        items: How many items the sample has.
        judged: How many of them were judged, unsure ones included.
        unsure: How many of them the reviewer was not sure of; they count as not judged.
        not_in_sample: How many verdicts are of no item of the sample.
        negatives: How many negatives the sample was drawn from.
        unchanged_share: The share of these that are still negatives, those judged relevant left
            out; estimated from the sample.
        why_not_measured: Why the verdicts measure nothing, as a clause; "" if they do.
        as_judged: The share of the negatives that was judged relevant.
        with_judge: The same, with a language model's verdicts on what nobody has judged, whose bias
            people's verdicts correct; None if there are none.
        rate: The rate without the reviewer's errors, if they are known; it decides.
        errors: How the reviewer judged what was mixed in.
        judged_by_both: How many items people and the language model have judged.
        kappa: Cohen's kappa of their verdicts; None if it cannot be said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: str
    items: int
    judged: int
    unsure: int
    not_in_sample: int
    negatives: int
    unchanged_share: float
    why_not_measured: str
    as_judged: FalseNegativeRate | None
    with_judge: FalseNegativeRate | None = None
    rate: FalseNegativeRate | None
    errors: ReviewerErrors
    judged_by_both: int = 0
    kappa: float | None = None

    @classmethod
    def read(cls, path: Path) -> ReviewResult:
        """Read the file that the stage review_result has written."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def describe(self) -> str:
        """What was measured, as a sentence without its full stop."""
        if self.rate is None or self.as_judged is None:
            return f"the verdicts measure nothing: {self.why_not_measured}"
        said = (
            f"{self.rate.describe()} of the {self.negatives:,} negatives that the sample was drawn "
            f"from are relevant"
        )
        if self.with_judge is not None:
            said += ", with a language model's verdicts corrected by them"
        if self.rate in (self.as_judged, self.with_judge):
            return f"{said}; the reviewer's own errors could not be taken out"
        return f"{said}, without the reviewer's own errors; as judged, {self.as_judged.describe()}"


def choose_sample(samples: pd.DataFrame, verdicts: Sequence[Verdict]) -> str:
    """The name of the sample that most of the verdicts are of; "" if it is not known.

    Verdicts that do not name their sample are those of the one that holds most of their pairs.

    Args:
        samples: This sample and earlier ones, with the columns of `schemas.REVIEW_SAMPLE`.
        verdicts: The verdicts of one file.
    """
    known = list(dict.fromkeys(samples["sample"]))
    named = Counter(verdict.sample for verdict in verdicts if verdict.sample)
    if named:
        ((name, _),) = named.most_common(1)
        return name if name in known else ""
    judged = {(verdict.query_id, verdict.doc_id) for verdict in verdicts}
    pairs = zip(samples["sample"], samples.query_id, samples.doc_id, strict=True)
    held = Counter(name for name, *pair in pairs if tuple(pair) in judged)
    return max(known, key=lambda name: held[name]) if held else ""


def judge_items(sample: pd.DataFrame, verdicts: Sequence[Verdict]) -> tuple[pd.DataFrame, int]:
    """The items of a sample with the verdict on each, and how many verdicts are of no item.

    If an item was judged more than once, the last verdict counts. A verdict that does not name its
    item is of the first item of its pair that has none yet.

    Args:
        sample: One sample, with the columns of `schemas.REVIEW_SAMPLE`.
        verdicts: The verdicts of one file.

    Returns:
        The items, with the further columns `is_judged` and `is_relevant` (None: not sure).
    """
    pair_of = {
        int(item): (query, document)
        for item, query, document in zip(
            sample["item"], sample.query_id, sample.doc_id, strict=True
        )
    }
    items_of: dict[tuple[str, str], list[int]] = {}
    for item, pair in pair_of.items():
        items_of.setdefault(pair, []).append(item)
    found: dict[int, bool | None] = {}
    others = 0
    for verdict in verdicts:
        pair = verdict.query_id, verdict.doc_id
        item = verdict.item
        if item is None:
            places = items_of.get(pair, [])
            item = next((place for place in places if place not in found), (*places, None)[-1])
        if item is None or pair_of.get(item) != pair:
            others += 1
        else:
            found[item] = verdict.is_relevant
    numbers = [int(item) for item in sample["item"]]
    verdict_of = {number: found.get(number) for number in numbers}
    judged = sample.assign(
        is_judged=[number in found for number in numbers],
        is_relevant=sample["item"].astype(int).map(verdict_of).astype(object),
    )
    return judged, others


def measure(
    samples: pd.DataFrame,
    verdicts: Sequence[Verdict],
    negatives: pd.DataFrame,
    min_unchanged_share: float,
    judge: Mapping[tuple[str, str], bool | None] | None = None,
) -> ReviewResult:
    """What the verdicts show of the rate.

    Args:
        samples: This sample and earlier ones, with the columns of `schemas.REVIEW_SAMPLE`.
        verdicts: The verdicts of one file.
        negatives: The negatives as they are now, with query_id and doc_id.
        min_unchanged_share: `review.min_unchanged_share`.
        judge: What a language model said of items, by query id and document id; None: not sure.
    """
    name = choose_sample(samples, verdicts)
    judged, others = judge_items(samples[samples["sample"] == name], verdicts)
    drawn = judged[(judged.kind == NEGATIVE) & ~judged.is_repeat]
    total = int(drawn.groupby("stratum").stratum_size.first().sum())
    strata = [
        Stratum(int(rows.stratum_size.iloc[0]), *_counts(rows))
        for _, rows in drawn.groupby("stratum")
    ]
    as_judged = stratified_rate(strata)
    with_judge = rate_with_judge(drawn, judge) if judge else None
    errors = _errors(judged)
    found = with_judge or as_judged
    both, kappa = _agreement(judged[~judged.is_repeat], judge) if judge else (0, None)
    unchanged = _unchanged_share(drawn, negatives)
    why_not = ""
    if not name:
        why_not = "they are of no sample that is known here"
    elif not as_judged.negatives:
        why_not = "no drawn negative was judged"
    elif unchanged < min_unchanged_share:
        why_not = (
            f"only {unchanged:.0%} of the reviewed negatives are still negatives "
            f"(review.min_unchanged_share is {min_unchanged_share:g}), so that they are labels and "
            f"no more: judge the new sample"
        )
    elif total < min_unchanged_share * len(negatives):
        why_not = (
            f"the sample was drawn from {total:,} negatives and there are {len(negatives):,} now, "
            f"so that they are labels and no more: judge the new sample"
        )
    return ReviewResult(
        sample=name,
        items=len(judged),
        judged=int(judged.is_judged.sum()),
        unsure=int((judged.is_judged & judged.is_relevant.isna()).sum()),
        not_in_sample=others,
        negatives=total,
        unchanged_share=unchanged,
        why_not_measured=why_not,
        as_judged=None if why_not else as_judged,
        with_judge=None if why_not else with_judge,
        rate=None if why_not else adjust_for_errors(found, errors) or found,
        errors=errors,
        judged_by_both=both,
        kappa=kappa,
    )


def rate_with_judge(
    drawn: pd.DataFrame, judge: Mapping[tuple[str, str], bool | None]
) -> FalseNegativeRate | None:
    """The rate by people's verdicts on some negatives, and a language model's on all drawn ones.

    Within each stratum the negatives are grouped by what the model says; all of them tell how large
    a group is, and people's verdicts which share of it is relevant. So the model only makes the
    estimate sharper, however wrong it is (prediction-powered inference, Angelopoulos et al. 2023,
    https://arxiv.org/abs/2301.09633, by post-stratification). A stratum with a group that people
    have not looked at stays whole.

    Args:
        drawn: The drawn negatives with people's verdicts, as `judge_items` returns them.
        judge: What the model said, by query id and document id; None: not sure.

    Returns:
        None if people have judged every negative that was drawn.
    """
    if drawn.is_relevant.notna().all():
        return None
    opinions = [str(judge.get(pair)) for pair in zip(drawn.query_id, drawn.doc_id, strict=True)]
    strata: list[Stratum] = []
    for _, rows in drawn.assign(opinion=opinions).groupby("stratum"):
        groups = [group for _, group in rows.groupby("opinion")]
        if any(group.is_relevant.isna().all() for group in groups):
            groups = [rows]
        size = int(rows.stratum_size.iloc[0])
        strata += [Stratum(size * len(group) / len(rows), *_counts(group)) for group in groups]
    return stratified_rate(strata)


def _agreement(
    judged: pd.DataFrame, judge: Mapping[tuple[str, str], bool | None]
) -> tuple[int, float | None]:
    """How many items both have judged, and Cohen's kappa of their verdicts."""
    from sklearn.metrics import cohen_kappa_score

    pairs = zip(judged.query_id, judged.doc_id, judged.is_relevant, strict=True)
    both = [
        (bool(said), bool(judge[query, document]))
        for query, document, said in pairs
        if said is not None and judge.get((query, document)) is not None
    ]
    if len({verdict for verdicts in both for verdict in verdicts}) < 2:
        return len(both), None
    people, model = zip(*both, strict=True)
    return len(both), float(cohen_kappa_score(people, model))


def _counts(rows: pd.DataFrame) -> tuple[int, int]:
    """How many of the items were judged, and how many of these were judged relevant."""
    return int(rows.is_relevant.notna().sum()), int((rows.is_relevant == True).sum())  # noqa: E712


def _unchanged_share(drawn: pd.DataFrame, negatives: pd.DataFrame) -> float:
    """The share of all negatives that are still negatives, those judged relevant left out."""
    now = set(zip(negatives.query_id, negatives.doc_id, strict=True))
    left = drawn[drawn.is_relevant != True]  # noqa: E712
    if not len(left):
        return 1.0 if len(drawn) else 0.0
    weights = 1 / left.inclusion_probability.to_numpy(float)
    is_there = [pair in now for pair in zip(left.query_id, left.doc_id, strict=True)]
    return float((weights * is_there).sum() / weights.sum())


def _errors(judged: pd.DataFrame) -> ReviewerErrors:
    positives, found = _counts(judged[judged.kind == POSITIVE])
    random_documents, alarms = _counts(judged[judged.kind == RANDOM])
    repeated = judged[judged.is_repeat & judged.is_relevant.notna()]
    firsts = judged[~judged.is_repeat & judged.is_relevant.notna()]
    both = repeated.merge(firsts, on=["query_id", "doc_id"], suffixes=("", "_first"))
    return ReviewerErrors(
        positives=positives,
        missed=positives - found,
        random_documents=random_documents,
        false_alarms=alarms,
        repeats=len(both),
        repeats_agreeing=int((both.is_relevant == both.is_relevant_first).sum()),
    )
