"""Whether a training set was refreshed lately.

This check looks at when the asset was last materialized rather than at files, so that it is not
among `CHECKS`.
"""

from datetime import timedelta

from hn_assets.evaluation.checks.base.result import CheckResult


def is_fresh(age: timedelta | None, max_days: float) -> CheckResult:
    """Whether the last refresh was recent enough; it warns if not.

    Args:
        age: The time since the last refresh, or None if there was none.
        max_days: The greatest age that passes, in days.

    >>> is_fresh(timedelta(days=9), 7).message.partition(":")[0]
    'the last refresh was 9.0 days ago, more than 7'
    """
    if age is None:
        return CheckResult(
            False, "there has been no refresh yet: run the job that makes one", blocks=False
        )
    days = age / timedelta(days=1)
    seen, figures = f"the last refresh was {days:.1f} days ago", {"days": round(days, 2)}
    if days <= max_days:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}, more than {max_days:g}: look why the schedule or the sensor has started none, "
        f"or which check has stopped it",
        figures,
        blocks=False,
    )
