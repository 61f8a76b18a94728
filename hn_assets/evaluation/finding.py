"""What a look at a stage found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
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
