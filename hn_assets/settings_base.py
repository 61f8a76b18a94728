"""The base class of all settings.

It stands outside the package `settings`, so that a source or a filter can define its settings in
its own file: `settings` imports those packages, and they import this module.

Settings are frozen pydantic models. An unknown key is an error that names the nearest known key,
at any depth of the YAML file.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from typing_extensions import Self

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails


def describe_unknown_keys(
    given: Iterable[str], known: Iterable[str], kind: str = "key"
) -> str | None:
    """Say which of the `given` keys are not `known`, each with the nearest known key.

    Args:
        given: The keys to look at.
        known: Those that there are.
        kind: What a key is called in the message.

    Returns:
        The message, or None if all keys are known.

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
        parts.append(f"unknown {kind} {key!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    return f"{', '.join(parts)}; known {kind}s: {', '.join(known)}"


def describe_invalid(error: ValidationError) -> str:
    """Say on one line which settings are invalid and why."""
    found = (
        (".".join(map(str, part["loc"])), part["msg"].removeprefix("Value error, "))
        for part in error.errors()
    )
    return "; ".join(f"{key}: {reason}" if key else reason for key, reason in found)


class Settings(BaseModel):
    """The base of every settings class: frozen, without unknown keys, its defaults validated.

    A number is finite: every comparison with NaN is false, so that a limit of NaN would be none.
    Errors name a key and what is wrong with it, but not its value, which may be a secret.

    Attributes:
        changeable_by_runs: The fields that a single run may change in Dagster's user interface,
            which has no login. They must neither load code nor name a file, a folder or a model. A
            field that no class names cannot be changed.
    """

    changeable_by_runs: ClassVar[tuple[str, ...]] = ()

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @classmethod
    def fields_of_runs(cls) -> list[str]:
        """The fields that this class or one of its bases names in `changeable_by_runs`."""
        named = {name for base in cls.__mro__ for name in vars(base).get("changeable_by_runs", ())}
        return [name for name in cls.model_fields if name in named]

    @model_validator(mode="wrap")
    @classmethod
    def _hide_values(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Leave values out of the errors' parts too, from which Dagster makes an error anew."""
        try:
            return validate(values)
        except ValidationError as error:
            parts = [{**part, "input": "not shown"} for part in error.errors()]
            raise ValidationError.from_exception_data(
                error.title, cast("list[InitErrorDetails]", parts), hide_input=True
            ) from None

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            message = describe_unknown_keys(values, cls.model_fields)
            if message is not None:
                raise ValueError(message)
        return values
