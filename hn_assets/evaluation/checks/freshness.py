"""Whether a training set is still of these days."""

from datetime import timedelta

from hn_assets.evaluation.checks.result import CheckResult


def is_fresh(age: timedelta | None, most_days: float) -> CheckResult:
    """Whether the last refresh is not too long ago; `age` is None where there was none.

    >>> is_fresh(timedelta(days=9), 7).words.partition(":")[0]
    'the last refresh was 9.0 days ago, more than 7'
    """
    if age is None:
        return CheckResult(False, "it was never made: run the job that refreshes it", blocks=False)
    days = age / timedelta(days=1)
    words, figures = f"the last refresh was {days:.1f} days ago", {"days": round(days, 2)}
    if days <= most_days:
        return CheckResult(True, words, figures)
    return CheckResult(
        False,
        f"{words}, more than {most_days:g}: see why the schedule or the sensor has started none, "
        f"or which check has stopped it",
        figures,
        blocks=False,
    )
