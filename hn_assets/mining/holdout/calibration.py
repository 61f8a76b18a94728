"""Find the threshold that keeps the rate of false negatives under a target, on the user's qrels.

A model of relevance says how probably each candidate is relevant, and candidates above a threshold
are not mined. It starts from the prior that ships, and each known positive that can be hidden,
while others of its query stay visible, sharpens it; so does what a query with one positive is lent
by others that ask nearly the same. What is known of a threshold is joined in the same way: the rate
that the model expects, and the share of hidden positives among the negatives. Of the thresholds
whose rate, with some caution, is at most the target, the highest is taken, since it leaves the
hardest negatives.
"""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from hn_assets.filters.kinds.target_false_negative_rate import RelevanceModelSettings
from hn_assets.mining.holdout.cross_validation import CrossValidation
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.methods import Method
from hn_assets.mining.holdout.rate import FalseNegativeRate, RateKind
from hn_assets.mining.relevance.compute_features import LEXICAL_INPUT
from hn_assets.mining.relevance.logistic_model import RelevanceModel
from hn_assets.settings.filters import FiltersSettings


class Calibration(BaseModel):
    """What is known of relevance; `model_dump_json` and `model_validate_json` keep it.

    Attributes:
        target: The rate of false negatives that was asked for.
        unlabelled_per_positive: How many unlabelled relevant passages are expected for each known
            positive.
        kind: How that number, and with it the rate, is known: `estimated`, or `assumed` if the
            settings name it.
        model: The model of relevance.
        threshold: Candidates with at least this probability of relevance are not mined.
        rate: The rate to expect at the threshold.
        rate_low: The lower end of its 95 % interval.
        rate_high: The upper end of its 95 % interval.
        negatives: The number of negatives that the rate was found on.
        queries: The number of queries that were looked at.
        queries_with_two: How many of them have two positives or more.
        queries_with_one: How many have one.
        queries_lent_to: How many of these are lent a second one by queries that ask nearly the
            same. The model is fitted on it; the rate is not.
        hidden: The number of hidden positives within the rankings.
        share_of_own_labels: How much of the rate rests on these; the rest is what the model of
            other collections expects.
    """

    model_config = ConfigDict(frozen=True)

    target: float
    unlabelled_per_positive: float
    kind: RateKind
    model: RelevanceModel
    threshold: float
    rate: float
    rate_low: float
    rate_high: float
    negatives: int
    queries: int
    queries_with_two: int
    queries_with_one: int
    queries_lent_to: int
    hidden: int
    share_of_own_labels: float

    @property
    def is_reached(self) -> bool:
        """Whether the rate is at most the target."""
        return self.rate <= self.target

    @property
    def reads_lexical_rank(self) -> bool:
        """Whether the model of relevance reads the rank that retrievers give by words."""
        return LEXICAL_INPUT in self.model.features

    @property
    def false_negative_rate(self) -> FalseNegativeRate:
        """The rate to expect at the threshold, with its interval and its kind."""
        return FalseNegativeRate(
            self.rate, self.rate_low, self.rate_high, 0.0, self.negatives, self.kind
        )

    def describe(self) -> str:
        """What the threshold means, with the rate to expect and its kind."""
        how = f"keeps the rate of false negatives under {self.target:g}"
        if not self.is_reached:
            how = f"is the safest that was found and does not reach {self.target:g}"
        by = ", by a model that also reads ranks by words," if self.reads_lexical_rank else ""
        return (
            f"candidates with a probability of relevance of {self.threshold:.2g} or more{by} are "
            f"left out, which {how}: {self.false_negative_rate.describe()}"
        )

    def basis(self) -> str:
        """What the rate rests on, as a sentence."""
        known = f"{self.unlabelled_per_positive:.2g} unlabelled positives for each labelled one"
        known += " are assumed" if self.kind == "assumed" else " are estimated"
        if self.queries_lent_to:
            known += (
                f"; {self.queries_lent_to} of {self.queries_with_one} queries with one positive "
                f"are lent a second one by queries that ask nearly the same, on which the model is "
                f"fitted and nothing is measured"
            )
        if not self.hidden:
            return (
                f"No query has two known positives, so that none could be hidden: the rate is what "
                f"the model of other collections expects. {known[0].upper()}{known[1:]}."
            )
        return (
            f"{self.share_of_own_labels:.0%} of it rest on {self.hidden} known positives of "
            f"{self.queries_with_two} queries that were hidden, the rest on the model of other "
            f"collections; {known}."
        )


def calibration_filters(filters: FiltersSettings) -> FiltersSettings:
    """The filters that a calibration measures: the model of relevance, without the others."""
    keys = RelevanceModelSettings.model_fields
    return FiltersSettings(**{key: getattr(filters, key) for key in keys})


def calibrated_part(method: Method) -> Method:
    """A method as far as a calibration measures it.

    A window is measured with the range and the other filters, since what they leave out decides
    where it lies; the rate of any other method is measured without them. Documents drawn at random
    are left out: they would lower the rate, and with it what is asked of the ranked negatives.
    """
    # if all are drawn at random, there would be nothing to measure, and no limit to any draw
    count = max(method.sampling.ranked_count, 1)
    method = replace(method, sampling=replace(method.sampling, count=count, random_share=0.0))
    if method.sampling.method == "window":
        return method
    return replace(method, filters=calibration_filters(method.filters), ranks=None)


def calibrate(holdout: Holdout, method: Method) -> Calibration:
    """Fit the model of relevance and choose the threshold.

    Args:
        holdout: The mined queries, those with one positive among them.
        method: How negatives are taken, from `calibrated_part`; its filters name the target rate.

    Raises:
        ValueError: The filters name no target rate.
    """
    target = method.filters.target_false_negative_rate
    if target is None:
        raise ValueError("there is no target_false_negative_rate to calibrate for")
    everything = holdout.all_visible()
    unlabelled = method.filters.unlabelled_per_positive
    cross = CrossValidation(holdout, everything, everything, unlabelled)
    point = cross.threshold(method, target)
    rate = cross.total(point)
    return Calibration(
        target=target,
        unlabelled_per_positive=cross.unlabelled.per_positive,
        kind=rate.kind,
        model=cross.model,
        threshold=point.threshold,
        rate=rate.rate,
        rate_low=rate.low,
        rate_high=rate.high,
        negatives=rate.negatives,
        queries=len(holdout),
        queries_with_two=sum(len(split.known) > 1 for split in everything),
        queries_with_one=sum(len(split.known) == 1 for split in everything),
        queries_lent_to=len(cross.lent),
        hidden=cross.hidden,
        share_of_own_labels=cross.share_of_own_labels(point),
    )
