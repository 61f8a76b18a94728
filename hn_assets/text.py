"""How texts are joined, compared, named and shortened, in one place for every package."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator

PART_CHARACTERS = 1 << 16
# Characters that never combine with the one before them, whatever the form of normalisation.
_WHITE_SPACE = re.compile(r"[ \t\r\n]")
_WORD = re.compile(r"\S+")
# Control characters, which a terminal obeys, and those that turn the direction of a text.
_NOT_SHOWN: dict[int, str | None] = {
    **{
        code: " " if chr(code).isspace() else None
        for code in range(0xA0)
        if unicodedata.category(chr(code)) == "Cc" and chr(code) not in "\n\t"
    },
    **dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))),
}
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def passage_text(title: str, text: str, *, include_title: bool) -> str:
    """The text of a document as the model reads it: title, one space, text.

    The title is left out if it is empty or `include_title` is False.
    """
    return f"{title} {text}" if include_title and title else text


def has_text(text: str) -> bool:
    """Whether a text holds a character that can be seen.

    White space, control characters (Unicode's category Cc) and format characters (Cf), such as a
    zero-width space or a byte order mark, cannot.

    >>> [has_text(text) for text in ("a", " \\n", "\\u200b", "\\ufeff\\x00")]
    [True, False, False, False]
    """
    return text[:1].isalnum() or any(
        not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf")
        for character in text
    )


def normalised(text: str) -> str:
    """The form in which two texts count as equal: NFKC, case folded, white space run together.

    A text without a character that can be seen counts as empty.

    >>> normalised("  Heart\\n ATTACK ") == normalised("heart attack")
    True
    >>> normalised("\\u200b ")
    ''
    """
    if len(text) <= PART_CHARACTERS:
        return " ".join(_words(text)) if has_text(text) else ""
    return " ".join(normalised_parts(text))


def normalised_parts(text: str) -> Iterator[str]:
    """The normalised form of a text in parts of whole words; one space is to stand between them.

    A document of 100 MB has no copy of words and forms that is larger than itself.
    """
    if not has_text(text):
        return
    for part in parts_of_text(text):
        if words := _words(part):
            yield " ".join(words)


def _words(text: str) -> list[str]:
    return unicodedata.normalize("NFKC", text).casefold().split()


def parts_of_text(text: str) -> Iterator[str]:
    """A text in parts of about `PART_CHARACTERS`, cut where white space begins.

    A text without white space is one part.
    """
    start = 0
    while len(text) - start > PART_CHARACTERS:
        found = _WHITE_SPACE.search(text, start + PART_CHARACTERS)
        if found is None:
            break
        yield text[start : found.start()]
        start = found.start()
    yield text[start:] if start else text


def printable(text: str) -> str:
    """A text without what moves a terminal's cursor or turns the direction of a text.

    Line breaks and tabs stay, other white space among the control characters becomes a space.

    >>> printable("\\x1b[2Jheart\\u202e attack")
    '[2Jheart attack'
    """
    return text.translate(_NOT_SHOWN)


def to_cell(text: str) -> str:
    """A text as a cell of a table that spreadsheets open: one that begins a formula is quoted.

    >>> to_cell("=1+1"), to_cell("heart")
    ("'=1+1", 'heart')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """The text of which `to_cell` made a cell; one that was not quoted is taken as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def text_id(text: str) -> str:
    """A stable id for a text that has none: the first 16 hexadecimal digits of its SHA-256.

    >>> text_id("heart attack")
    '2c200509feda6d82'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shorten(text: str, characters: int) -> str:
    """A text on one line, `printable`, cut at a word if it is longer than `characters`.

    `textwrap.shorten` does not serve here: of a text without spaces, such as Chinese, it leaves
    nothing but the placeholder.

    >>> shorten("heart\\nattack in  mammals", 14)
    'heart attack …'
    >>> shorten("心臓発作と哺乳類", 4)
    '心臓発作 …'
    """
    line = first_line(text, characters)
    if len(line) <= characters:
        return line
    return line[:characters].rsplit(" ", 1)[0] + " …"


def first_line(text: str, characters: int) -> str:
    """A text on one line, `printable`, with at most one of the characters beyond so many.

    The rest is not read.

    >>> first_line("heart\\nattack in  mammals", 9)
    'heart atta'
    """
    words: list[str] = []
    size = -1
    for found in _WORD.finditer(text):
        word = printable(text[found.start() : min(found.end(), found.start() + characters + 1)])
        if not word:
            continue
        words.append(word)
        size += 1 + len(word)
        if size > characters:
            break
    return " ".join(words)[: characters + 1]
