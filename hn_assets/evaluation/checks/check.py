"""The declaration of a check, and the list of all checks."""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from hn_assets.evaluation.checks.result import CheckResult, CheckVerdict, state_of
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import layout
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


@dataclass(frozen=True)
class Check:
    """A check of one stage.

    Attributes:
        stage: The name of the stage that the check looks at.
        name: The name of the check, unique within its stage.
        description: What is true if the check passes, as a sentence.
        look: The function that looks at the inputs and says what it sees.
        version: A number to raise if `look` would judge the same inputs differently from before.
    """

    stage: str
    name: str
    description: str
    look: Callable[[CheckInputs], CheckResult]
    version: int = 1

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


def all_checks() -> list[Check]:
    """Every check that a module of this package declares, in the order of the stages.

    The checks of one stage come in the order of their modules' names, and within a module in the
    order of their declarations.

    Raises:
        ValueError: Two checks of a stage have one name, or a check's stage does not exist.
    """
    package = __name__.rpartition(".")[0]
    checks: list[Check] = []
    for module in pkgutil.iter_modules(import_module(package).__path__):
        checks += getattr(import_module(f"{package}.{module.name}"), "CHECKS", ())
    stages = list(
        dict.fromkeys(file.stage for file in vars(layout).values() if isinstance(file, StageFile))
    )
    seen: set[tuple[str, str]] = set()
    for check in checks:
        if check.stage not in stages:
            raise ValueError(f"the check {check.name} is of {check.stage!r}, which is no stage")
        if (check.stage, check.name) in seen:
            raise ValueError(f"two checks of {check.stage} have the name {check.name}")
        seen.add((check.stage, check.name))
    return sorted(checks, key=lambda check: stages.index(check.stage))
