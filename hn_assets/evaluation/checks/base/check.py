"""The declaration of a check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hn_assets.evaluation.checks.base.result import CheckResult, CheckVerdict, state_of
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store.layout import StageFile


class CheckInputs(Protocol):
    """What a check may look at.

    Attributes:
        settings: All settings of the dataset.
    """

    @property
    def settings(self) -> DatasetSettings:
        """All settings of the dataset."""
        ...

    def file(self, stage_file: StageFile) -> Path:
        """The path of a published file, after its checksum was verified."""
        ...

    def info(self, stage: str) -> Mapping[str, Any]:
        """What the manifest of a stage says of how the stage was made."""
        ...

    def accepted(self, what: str) -> Any:
        """An entry of `accepted_summary` of the last training set, or None if there is none."""
        ...


def _always(settings: DatasetSettings) -> bool:
    return True


@dataclass(frozen=True)
class Check:
    """A check of one stage.

    Attributes:
        stage: The name of the stage that the check looks at.
        name: The name of the check, unique within its stage.
        description: What is true if the check passes, as a sentence.
        look: The function that looks at the inputs and says what it sees.
        version: A number to raise if `look` would judge the same inputs differently from before.
        is_part_of: Whether a dataset with these settings has the check; by default, all have it.
    """

    stage: str
    name: str
    description: str
    look: Callable[[CheckInputs], CheckResult]
    version: int = 1
    is_part_of: Callable[[DatasetSettings], bool] = _always

    def verdict(self, result: CheckResult | None, *, accepted: bool = False) -> CheckVerdict:
        """What the check says of a refresh.

        Args:
            result: What the check saw, or None if it has not looked at the files that are there.
            accepted: Whether a person lets the refresh go on although this check blocks.
        """
        if result is None:
            return CheckVerdict(self.stage, self.name, "not run", self.description)
        state = state_of(result, accepted=accepted)
        return CheckVerdict(self.stage, self.name, state, result.message)
