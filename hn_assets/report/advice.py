"""Whether the negatives of a refresh may be trained on, as a sentence."""

from collections import Counter
from collections.abc import Sequence

from hn_assets.evaluation.checks.base.result import CheckVerdict


def training_advice(verdicts: Sequence[CheckVerdict]) -> str:
    """Say whether the negatives of a refresh may be trained on, and why.

    >>> training_advice([CheckVerdict("corpus", "ids_are_unique", "passed", "")])
    'Yes: the 1 check of this refresh passed.'
    """
    if not verdicts:
        return "Not known: no check has looked at these files."
    count = Counter(verdict.state for verdict in verdicts)
    if count["failed"]:
        return (
            f"No: {_checks(count['failed'])} of {len(verdicts)} failed. Mend what failed "
            f"and refresh again."
        )
    if count["not run"]:
        return (
            f"Not known: {count['not run']} of {len(verdicts)} checks have not looked at these "
            f"files. Materialize the whole dataset, checks included."
        )
    if count["accepted"]:
        failed = _checks(count["accepted"])
        return f"Only if this is meant: {failed} failed, and somebody let the refresh go on."
    if count["warned"]:
        return (
            f"Yes, but read the warnings first: {_checks(count['warned'])} of {len(verdicts)} "
            f"warned."
        )
    return f"Yes: the {_checks(len(verdicts))} of this refresh passed."


def _checks(count: int) -> str:
    return f"{count} check{'' if count == 1 else 's'}"
