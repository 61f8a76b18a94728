"""Refuse a YAML file in which a key stands twice.

Dagster reads the file, and takes the last of several values without a word.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from hn_assets.errors import SettingsError

# the names that Dagster looks for in a folder, the first that is there
FILE_NAMES = ("defs.yaml", "defs.yml", "component.yaml")
_MERGE = "tag:yaml.org,2002:merge"  # `<<` takes over what stands elsewhere, and may be repeated


def check_keys_of_folder(folder: Path) -> None:
    """Check the keys of the YAML file of a folder of definitions, if it has one.

    Raises:
        SettingsError: A key stands twice in the same place.
    """
    for name in FILE_NAMES:
        if (folder / name).is_file():
            check_keys(folder / name)
            return


def check_keys(path: Path) -> None:
    """Check the keys of a YAML file at any depth.

    A file that is not YAML passes: Dagster says what is wrong with it.

    Raises:
        SettingsError: A key stands twice in the same place.
    """
    try:
        documents = list(yaml.compose_all(path.read_text(encoding="utf-8"), yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return
    seen: set[int] = set()
    for key in (key for node in documents for key in _repeated_keys(node, seen)):
        raise SettingsError(
            f"{path}:{key.start_mark.line + 1}: the key {key.value!r} stands twice in the same "
            f"place, so that the value further up would be lost; remove one of the two"
        )


def _repeated_keys(node: yaml.Node | None, seen: set[int]) -> Iterator[yaml.ScalarNode]:
    if node is None or id(node) in seen:  # an alias may lead back to where it stands
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[tuple[str, str]] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if (key.tag, key.value) in keys:
                    yield key
                keys.add((key.tag, key.value))
            yield from _repeated_keys(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated_keys(value, seen)
