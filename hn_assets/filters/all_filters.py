"""Every filter there is, in its order, found by looking through the package `kinds`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from hn_assets.discovery import subclasses_in
from hn_assets.filters import kinds
from hn_assets.filters.base.filter import Filter
from hn_assets.settings_base import Settings

Section = Literal["filters", "teacher"]


def find_filters() -> tuple[type[Filter[Any]], ...]:
    """The filter classes of all modules in `kinds`, those of each section by their order.

    Raises:
        TypeError: Two filters share an order, a key of the settings or a label of a reason.
    """
    found: list[type[Filter[Any]]] = subclasses_in(kinds, Filter)
    found.sort(key=lambda kind: (kind.section, kind.order))
    _refuse_repeats("order", ((kind.section, kind.order) for kind in found))
    _refuse_repeats(
        "setting", ((k.section, key) for k in found for key in k.settings_class.model_fields)
    )
    _refuse_repeats("reason", (reason.label for kind in found for reason in kind.reasons))
    return tuple(found)


def _refuse_repeats(what: str, values: Iterable[Any]) -> None:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise TypeError(f"two filters have the same {what} {value!r}")
        seen.add(value)


FILTERS = find_filters()


def settings_classes(section: Section) -> tuple[type[Settings], ...]:
    """The settings classes of the filters of a section, to be the bases of the section's class.

    They stand in reverse order: pydantic puts the fields of the last base first.
    """
    return tuple(kind.settings_class for kind in reversed(FILTERS) if kind.section == section)


def filter_keys(section: Section) -> list[str]:
    """The keys of a YAML section that belong to filters."""
    classes = (kind.settings_class for kind in FILTERS if kind.section == section)
    return [key for settings in classes for key in settings.model_fields]


def active_filters(settings: Settings) -> list[Filter[Any]]:
    """The filters that the settings of a section switch on, in their order."""
    made = [kind(settings) for kind in FILTERS if isinstance(settings, kind.settings_class)]
    return [one for one in made if one.is_active]


def measurable_filters(settings: Settings) -> list[Filter[Any]]:
    """The active filters whose effect hiding known positives can measure, in their order."""
    return [one for one in active_filters(settings) if one.measured_by_holdout]


def external_files(settings: Settings, base: Path) -> list[Path]:
    """The files outside the store that the active filters read.

    Args:
        settings: The settings of a section.
        base: The folder that relative paths start from.
    """
    return [path for one in active_filters(settings) for path in one.external_files(base)]
