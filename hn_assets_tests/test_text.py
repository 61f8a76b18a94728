"""Texts are normalised, hashed and shortened without being held several times."""

import tracemalloc
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets import text as text_module
from hn_assets.hashing import hash_of_normalised, hash_of_text
from hn_assets.text import (
    first_line,
    from_cell,
    has_text,
    normalised,
    parts_of_text,
    printable,
    shorten,
    to_cell,
)

# characters that combine with others, are white space, or have a longer normalised form
TEXTS = st.text(st.sampled_from("aZ \n\t\u00a0\u2028\u0308\u0301\u1100\u1161ﬁ½ßĲ\u200b心"))


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "PART_CHARACTERS", 3)
    monkeypatch.setattr("hn_assets.hashing.PART_CHARACTERS", 3)


@pytest.mark.usefixtures("short_parts")
@given(text=TEXTS)
def test_the_parts_of_a_text_are_the_text(text: str) -> None:
    assert "".join(parts_of_text(text)) == text
    whole = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    assert normalised(text) == (whole if has_text(text) else "")
    assert hash_of_normalised(text, 8) == hash_of_text(normalised(text), 8)
    assert sum(len(part.split()) for part in parts_of_text(text)) == len(text.split())


@given(text=TEXTS, characters=st.integers(1, 9))
def test_a_text_is_shortened_as_if_it_were_read_to_its_end(text: str, characters: int) -> None:
    line = " ".join(text.split())
    assert first_line(text, characters) == line[: characters + 1]
    cut = line[:characters].rsplit(" ", 1)[0] + " …"
    assert shorten(text, characters) == (line if len(line) <= characters else cut)


def test_a_hash_takes_no_memory_that_grows_with_the_text() -> None:
    text = "the heart pumps blood " * 200_000
    tracemalloc.start()
    hash_of_normalised(text)
    hash_of_text(text)
    shorten(text, 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_what_moves_the_cursor_or_turns_the_text_is_not_shown() -> None:
    text = "red \x1b[31m\x9b7m\x00 \u202etxt.exe\u202c\u2067 \u200fend\u061c \u200b\r\n\tnext"
    assert printable(text) == "red [31m7m txt.exe end \u200b \n\tnext"
    assert shorten(text, 100) == "red [31m7m txt.exe end \u200b next"


@given(text=st.text(st.sampled_from("'=+-@\t\r\uff1dab")))
def test_a_cell_is_no_formula_and_is_read_back(text: str) -> None:
    cell = to_cell(text)
    assert not cell.startswith(tuple("=+-@\t\r\uff1d"))
    assert from_cell(cell) == text
