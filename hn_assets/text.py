"""How texts are joined, compared, named and shortened, in one place for every package."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator

PART_CHARACTERS = 1 << 16
# Characters that never combine with the one before them, whatever the form of normalisation.
_WHITE_SPACE = re.compile(r"[ \t\r\n]")
_WORD = re.compile(r"\S+")


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
    return any(
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
    return " ".join(normalised_parts(text))


def normalised_parts(text: str) -> Iterator[str]:
    """The normalised form of a text in parts of whole words; one space is to stand between them.

    A document of 100 MB has no copy of words and forms that is larger than itself.
    """
    if not has_text(text):
        return
    for part in parts_of_text(text):
        if words := unicodedata.normalize("NFKC", part).casefold().split():
            yield " ".join(words)


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


def text_id(text: str) -> str:
    """A stable id for a text that has none: the first 16 hexadecimal digits of its SHA-256.

    >>> text_id("heart attack")
    '2c200509feda6d82'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shorten(text: str, characters: int) -> str:
    """A text on one line, cut at a word if it is longer than `characters`.

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
    """A text on one line, with at most one of the characters beyond so many; the rest is not read.

    >>> first_line("heart\\nattack in  mammals", 9)
    'heart atta'
    """
    words: list[str] = []
    size = -1
    for found in _WORD.finditer(text):
        words.append(text[found.start() : min(found.end(), found.start() + characters + 1)])
        size += 1 + len(words[-1])
        if size > characters:
            break
    return " ".join(words)[: characters + 1]
