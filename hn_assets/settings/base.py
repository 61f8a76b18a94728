"""What all settings have in common; each room keeps its own in its `settings.py`.

Settings are frozen pydantic models without any Dagster in them. A key that no setting has is an
error that names the nearest known key, wherever it stands in the YAML.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


def describe_unknown_keys(given: Iterable[str], known: Iterable[str]) -> str | None:
    """Say which of the `given` keys are not `known`, each with the nearest known one.

    >>> describe_unknown_keys(["negatves"], ["negatives", "seed"])
    "unknown key 'negatves' (did you mean 'negatives'?); known keys: negatives, seed"
    """
    known = sorted(known)
    unknown = [key for key in given if key not in known]
    if not unknown:
        return None
    parts: list[str] = []
    for key in unknown:
        near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
        parts.append(f"unknown key {key!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    return f"{', '.join(parts)}; known keys: {', '.join(known)}"


class Settings(BaseModel):
    """Base of every settings class: frozen, no unknown keys, defaults checked too."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            message = describe_unknown_keys(values, cls.model_fields)
            if message is not None:
                raise ValueError(message)
        return values
