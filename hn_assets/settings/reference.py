"""Every setting in one table, made from the settings classes themselves."""

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hn_assets.settings.dataset import DatasetSettings


def settings_table() -> str:
    """All settings of a dataset as a Markdown table: name, type, default, meaning."""
    lines = ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, info in _walk(DatasetSettings, ""):
        cells = (f"`{name}`", _type(info.annotation), _default(info), info.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        parts = _models(info.annotation)
        if not parts:
            if name != "type":
                yield f"{prefix}{name}", info
            continue
        for part in parts:
            kind = part.model_fields.get("type")
            label = f"{prefix}{name}"
            if kind is not None:
                (value,) = typing.get_args(kind.annotation)
                label += f" ({value})"
            yield from _walk(part, f"{label}.")


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The settings classes an annotation stands for: one, or those of a union."""
    if typing.get_origin(annotation) is Annotated:
        return _models(typing.get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return [model for part in typing.get_args(annotation) for model in _models(part)]
    return []


def _type(annotation: Any) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return _type(next(part for part in parts if part is not type(None)))
    if origin is list:
        return f"list of {_type(parts[0])}"
    if origin is dict:
        return "texts by name"
    names = {str: "text", int: "whole number", float: "number", bool: "yes or no"}
    return names.get(annotation, str(annotation))


def _default(info: FieldInfo) -> str:
    if info.default_factory is not None:
        return "none"
    if info.default is PydanticUndefined:
        return "must be given"
    if info.default is None:
        return "see meaning"
    return f"`{str(info.default).lower()}`" if isinstance(info.default, bool) else _plain(info)


def _plain(info: FieldInfo) -> str:
    return f"`{info.default}`" if info.default != "" else "none"
