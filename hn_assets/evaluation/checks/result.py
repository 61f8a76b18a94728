"""What a look at a stage found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class CheckResult:
    """What a look at a stage found.

    Attributes:
        passed: whether all is well.
        words: what was seen; where it is not well, also what to do.
        figures: that were looked at.
        blocks: whether a refresh must not go on; false for what only warns.
    """

    passed: bool
    words: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    blocks: bool = True


@dataclass(frozen=True)
class Verdict:
    """What a check said of a refresh.

    Attributes:
        asset: that was looked at.
        check: its name.
        state: `passed`; `warned`; `accepted` where it failed and somebody let the refresh go on, by
            a tag or by starting later assets alone; `not run` where it has not looked at what is
            there now.
        words: what was seen.
    """

    asset: str
    check: str
    state: Literal["passed", "warned", "accepted", "not run"]
    words: str
