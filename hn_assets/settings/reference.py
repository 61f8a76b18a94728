"""A table of every setting for the documentation, made from the settings classes themselves."""

import inspect
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hn_assets.settings.dataset import DatasetSettings

TYPE_NAMES = {str: "text", int: "whole number", float: "number", bool: "yes or no"}


class SettingRow(NamedTuple):
    """A row of the table.

    Attributes:
        name: The path of the setting in the YAML file, such as `mining.seed`. A section of
            several types has its type in parentheses, such as `source (beir).folder`.
        type: What kind of value it takes.
        default: The value if the setting is left out.
        meaning: The description of the setting.
    """

    name: str
    type: str
    default: str
    meaning: str


def settings_table(model: type[BaseModel] = DatasetSettings) -> str:
    """Every setting of a class as a Markdown table with the columns of `SettingRow`.

    Args:
        model: The settings class, whose sections are followed to any depth.
    """
    lines = ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
    for row in settings_rows(model):
        cells = (f"`{row.name}`", *row[1:])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def settings_rows(model: type[BaseModel], prefix: str = "") -> Iterator[SettingRow]:
    """Yield a row for each setting of a class, and for each section before its own settings.

    Args:
        model: The settings class.
        prefix: What the names begin with.
    """
    for name, info in model.model_fields.items():
        if name == "type":  # it is part of the section's name
            continue
        label = f"{prefix}{name}"
        sections = _models(info.annotation)
        if not sections:
            meaning = info.description or ""
            yield SettingRow(label, _type(info.annotation), _default(info), meaning)
        for section in sections:
            section_label = label + _type_label(section)
            meaning = _summary(section) if len(sections) > 1 else info.description
            default = "must be given" if info.is_required() else "optional"
            yield SettingRow(
                section_label, _section_type(info.annotation), default, meaning or _summary(section)
            )
            yield from settings_rows(section, f"{section_label}.")


def _type_label(model: type[BaseModel]) -> str:
    """The type of a section in parentheses, or "" if the section has no types."""
    info = model.model_fields.get("type")
    if info is None or get_origin(info.annotation) is not Literal:
        return ""
    return f" ({', '.join(map(str, get_args(info.annotation)))})"


def _summary(model: type[BaseModel]) -> str:
    """The first paragraph of a class's docstring on one line, without its full stop."""
    paragraph = (inspect.getdoc(model) or "").split("\n\n")[0]
    return " ".join(paragraph.split()).removesuffix(".")


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The settings classes in an annotation, including those of a union, a list or a dict."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is Literal:
        return []
    return [model for part in get_args(annotation) for model in _models(part)]


def _section_type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _section_type(parts[0])
    if origin in (list, tuple):
        return "list of sections"
    if origin is dict:
        return "sections by name"
    return "section"


def _type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        names = (_type(part) for part in parts if part is not type(None))
        return " or ".join(dict.fromkeys(names))
    if origin in (list, tuple, set, frozenset):
        return f"list of {_type(parts[0])}"
    if origin is dict:
        return "texts by name" if parts[1] is str else f"{_type(parts[1])} by name"
    return TYPE_NAMES.get(annotation) or getattr(annotation, "__name__", str(annotation))


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "must be given"
    default = info.get_default(call_default_factory=True, validated_data={})
    if default is None and "default" in (info.description or ""):
        return "see meaning"
    if default in (None, "", [], {}, ()):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    values = default if isinstance(default, list | tuple) else [default]
    return ", ".join(f"`{value}`" for value in values)
