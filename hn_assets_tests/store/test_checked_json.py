"""A JSON file is read as it was written, or it is refused with one error of one line."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.store import DatasetStore
from hn_assets.store.checked_json import checked_json, with_checksum

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@dataclass(frozen=True)
class Note:
    rows: int
    names: list[str]


@given(st.dictionaries(st.text().filter(lambda key: key != "checksum"), VALUES, max_size=4))
def test_what_was_written_is_read(content: dict) -> None:
    assert checked_json(with_checksum(content).encode(), dict) == content


@given(st.data())
def test_a_note_is_what_was_written_or_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    stage = DatasetStore(tmp_path_factory.getbasetemp() / "notes", "toy").stage("corpus")
    stage.write_note("note.json", {"rows": 37, "names": ["a", "é"]})
    path = stage.folder / "note.json"
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content[at:] = data.draw(st.binary(max_size=20))
    path.write_bytes(content)
    assert stage.read_note("note.json", Note) in (None, Note(37, ["a", "é"]))


@given(st.binary(max_size=60) | VALUES.map(lambda value: with_checksum({"rows": value}).encode()))
def test_other_bytes_are_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ValueError) as raised:
        checked_json(content, Note)
    assert str(raised.value).strip() and "\n" not in str(raised.value)


def test_another_shape_is_named(tmp_path: Path) -> None:
    content = with_checksum({"rows": 3, "names": ["a", 7]}).encode()
    with pytest.raises(ValueError, match=r"'names\.1': .*string"):
        checked_json(content, Note)
