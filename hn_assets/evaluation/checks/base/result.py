"""What a check sees, and what it says of a refresh."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CheckState = Literal["passed", "warned", "failed", "accepted", "not run"]


@dataclass(frozen=True)
class CheckResult:
    """What a check sees when it looks at a stage.

    Attributes:
        passed: Whether what the check stands for is true.
        message: What was seen, and, if the check did not pass, what can be done about it.
        figures: The numbers that decided, by name.
        blocks: Whether a refresh that does not pass must stop; false if it is only a warning.
    """

    passed: bool
    message: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    blocks: bool = True


@dataclass(frozen=True)
class CheckVerdict:
    """What a check says of a refresh.

    Attributes:
        asset: The stage that was looked at.
        check: The name of the check.
        state: The outcome. `passed` means that all is well. `warned` means that the check did not
            pass but does not block. `failed` means that it blocks. `accepted` means that it would
            block, but a person let the refresh go on. `not run` means that the check has not
            looked at the files that are there now.
        message: What was seen, and, if the check did not pass, what can be done about it.
    """

    asset: str
    check: str
    state: CheckState
    message: str


def state_of(result: CheckResult, *, accepted: bool = False) -> CheckState:
    """The state of a check that has run.

    Args:
        result: What the check saw.
        accepted: Whether a person lets the refresh go on although this check blocks.

    >>> state_of(CheckResult(False, "2 of 5 have the id of another"))
    'failed'
    """
    if result.passed:
        return "passed"
    if not result.blocks:
        return "warned"
    return "accepted" if accepted else "failed"


def blocking_failures(verdicts: Iterable[CheckVerdict]) -> list[CheckVerdict]:
    """The verdicts that forbid to replace the training set, in their order.

    >>> blocking_failures([CheckVerdict("corpus", "ids_are_unique", "accepted", "")])
    []
    """
    return [verdict for verdict in verdicts if verdict.state == "failed"]
