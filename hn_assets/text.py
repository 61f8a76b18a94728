"""How texts are joined, compared, named and shortened, in one place for every package."""

import hashlib
import unicodedata


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
    if not has_text(text):
        return ""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


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
    line = " ".join(text.split())
    if len(line) <= characters:
        return line
    return line[:characters].rsplit(" ", 1)[0] + " …"
