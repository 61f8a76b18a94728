"""Find the threshold that keeps the rate of false negatives under a target, on the user's qrels.

Each known positive is hidden once while the others of its query stay visible. The share of hidden
positives among the negatives of one mining is the rate to expect if there were one relevant
passage that nobody labelled for every known positive; it is multiplied by the number that is
expected. A model that was not fitted on the query says how probably each candidate is relevant,
and candidates above a threshold are not mined. Of the thresholds whose rate, plus a standard
error, is at most the target, the highest is taken, since it leaves the hardest negatives.
"""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from hn_assets.filters.kinds.target_false_negative_rate import RelevanceModelSettings
from hn_assets.mining.holdout.cross_validation import CrossValidation
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.mining.holdout.methods import Method
from hn_assets.mining.relevance.logistic_model import RelevanceModel
from hn_assets.settings.filters import FiltersSettings

# few queries with two positives say little; if they are few among all, little about the others
MIN_QUERIES = 30
MIN_QUERY_SHARE = 0.2
MIN_HIDDEN = 30  # hidden positives within the rankings


class Calibration(BaseModel):
    """What hiding known positives gave; `model_dump_json` and `model_validate_json` keep it.

    Attributes:
        target: The rate of false negatives that was asked for.
        unlabelled_per_positive: How many unlabelled relevant passages are expected for each known
            positive; the rates are multiplied by it.
        why_not: Why the qrels cannot support a calibration; "" if they can.
        model: The model of relevance; None if the qrels cannot support one.
        threshold: Candidates with at least this probability of relevance are not mined.
        rate: The cross-validated rate at the threshold; None if nothing was measured.
        rate_low: The lower end of the 95 % confidence interval of the rate.
        rate_high: The upper end of the 95 % confidence interval of the rate.
        queries: The number of queries with two positives or more that were looked at.
        hidden: The number of hidden positives within the rankings.
    """

    model_config = ConfigDict(frozen=True)

    target: float
    unlabelled_per_positive: float
    why_not: str = ""
    model: RelevanceModel | None = None
    threshold: float = 0.0
    rate: float | None = None
    rate_low: float | None = None
    rate_high: float | None = None
    queries: int
    hidden: int

    @property
    def is_reached(self) -> bool:
        """Whether the rate is at most the target."""
        return self.rate is not None and self.rate <= self.target

    @property
    def is_supported(self) -> bool:
        """Whether there is a threshold to mine by."""
        return self.model is not None

    def describe(self) -> str:
        """What the threshold means, or why there is none."""
        if not self.is_supported:
            return f"the qrels cannot support target_false_negative_rate: {self.why_not}"
        how = f"keeps the rate of false negatives under {self.target:g}"
        if not self.is_reached:
            how = f"is the safest that could be measured; it does not reach {self.target:g}"
        return (
            f"candidates with a probability of relevance of {self.threshold:.2g} or more are left "
            f"out, which {how}"
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


def calibrate(holdout: Holdout, method: Method, mined_queries: int) -> Calibration:
    """Fit the model of relevance and choose the threshold.

    Args:
        holdout: The queries with two positives or more.
        method: How negatives are taken, from `calibrated_part`; its filters name the target rate.
        mined_queries: The number of all mined queries, to see whether those of the hold-out stand
            for them.
    """
    filters = method.filters
    target, unlabelled = filters.target_false_negative_rate, filters.unlabelled_per_positive
    if target is None:
        raise ValueError("there is no target_false_negative_rate to calibrate for")
    count = len(holdout)
    if count < MIN_QUERIES or count < MIN_QUERY_SHARE * mined_queries:
        why = (
            f"{count} of {mined_queries} queries have two known positives or more; at least "
            f"{MIN_QUERIES}, and {MIN_QUERY_SHARE:.0%} of all, are needed to hide one and see "
            f"whether it would be mined"
        )
        return Calibration(
            target=target,
            unlabelled_per_positive=unlabelled,
            why_not=why,
            queries=count,
            hidden=0,
        )
    everything = holdout.all_visible()
    cross = CrossValidation(holdout, everything, everything)
    hidden = int(cross.rankings.hidden.sum())
    if hidden < MIN_HIDDEN:
        why = (
            f"only {hidden} positives that can be hidden are within the rankings; at least "
            f"{MIN_HIDDEN} are needed. Search deeper (search.depth), or use a better model"
        )
        return Calibration(
            target=target,
            unlabelled_per_positive=unlabelled,
            why_not=why,
            queries=count,
            hidden=hidden,
        )
    threshold, rate = cross.threshold(method, target, unlabelled)
    expected = rate.times(unlabelled)
    return Calibration(
        target=target,
        unlabelled_per_positive=unlabelled,
        model=cross.model(),
        threshold=threshold,
        rate=expected.rate,
        rate_low=expected.low,
        rate_high=expected.high,
        queries=count,
        hidden=hidden,
    )
