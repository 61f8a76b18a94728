"""Every check there is, found by looking through the package `kinds`."""

import pkgutil
from importlib import import_module

from hn_assets.evaluation.checks import kinds
from hn_assets.evaluation.checks.base.check import Check
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store.layout import stage_names


def checks_of(settings: DatasetSettings) -> list[Check]:
    """The checks that a dataset with these settings has, in the order of the stages."""
    return [check for check in all_checks() if check.is_part_of(settings)]


def all_checks() -> list[Check]:
    """Every check that a module of `kinds` declares, in the order of the stages.

    The checks of one stage come in the order of their modules' names, and within a module in the
    order of their declarations.

    Raises:
        ValueError: Two checks of a stage have one name, or a check's stage does not exist.
    """
    checks: list[Check] = []
    for module in pkgutil.iter_modules(kinds.__path__):
        checks += import_module(f"{kinds.__name__}.{module.name}").CHECKS
    stages = stage_names()
    seen: set[tuple[str, str]] = set()
    for check in checks:
        if check.stage not in stages:
            raise ValueError(f"the check {check.name} is of {check.stage!r}, which is no stage")
        if (check.stage, check.name) in seen:
            raise ValueError(f"two checks of {check.stage} have the name {check.name}")
        seen.add((check.stage, check.name))
    return sorted(checks, key=lambda check: stages.index(check.stage))
