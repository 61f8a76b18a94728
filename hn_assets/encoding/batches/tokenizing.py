"""Texts to token ids: on every thread of the tokenizer, in memory that does not grow with a text.

A tokenizer reads the whole of a text before it cuts the tokens to the model's limit, and keeps over
a hundred bytes for each character meanwhile. So a text far beyond the limit is cut before: to many
more characters than the limit can need, and further on only if they turn out to be too few.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

TokenIds = NDArray[np.int32]

# Of a text's beginning, for each token that the model may read. Words of English have 4 to 5 for a
# token; a run of spaces or one endless word may have any number.
CHARACTERS_PER_TOKEN = 16
MOST_CHARACTERS = 1 << 20  # of a text are ever read
PIECE_TEXTS = 512  # tokenised by one call, of which every thread takes a share
PIECE_CHARACTERS = 1 << 21
# While the ids of one piece are taken over, which one thread does, two keep the tokenizer busy.
PIECES_AT_ONCE = 3


@dataclass(frozen=True)
class TokenizedTexts:
    """The token ids of some texts.

    Attributes:
        ids: The token ids of each text, special tokens included; int32.
        truncated: How many texts were longer than the limit, so that their end is not read.
    """

    ids: list[TokenIds]
    truncated: int


class TextTokenizer:
    """Tokenises texts as the model's own tokenizer does.

    Args:
        tokenizer: A fast tokenizer of transformers.
        add_special_tokens: Whether the tokens at beginning and end are added, and counted.
    """

    def __init__(self, tokenizer: Any, *, add_special_tokens: bool = True) -> None:
        self._add_special_tokens = add_special_tokens
        self._backend = tokenizer.backend_tokenizer
        self._cuts_left = getattr(tokenizer, "truncation_side", "right") == "left"

    def tokenize(self, texts: Sequence[str], max_length: int) -> TokenizedTexts:
        """The token ids of `texts`, at most `max_length` for each.

        Only the first `MOST_CHARACTERS` characters of a text are read.
        """
        side = "left" if self._cuts_left else "right"
        self._backend.enable_truncation(max_length=max_length, direction=side)
        self._backend.no_padding()
        enough = max_length * CHARACTERS_PER_TOKEN
        ids: list[TokenIds] = []
        truncated = 0
        with ThreadPoolExecutor(PIECES_AT_ONCE) as threads:
            for found in threads.map(partial(self._tokenize, enough), _pieces(texts, enough)):
                ids += found.ids
                truncated += found.truncated
        return TokenizedTexts(ids, truncated)

    def _tokenize(self, enough: int, piece: list[str]) -> TokenizedTexts:
        begun = [self._cut(text, enough) for text in piece]
        ids: list[TokenIds] = []
        truncated = 0
        encodings = self._backend.encode_batch_fast(
            begun, add_special_tokens=self._add_special_tokens
        )
        for text, part, encoding in zip(piece, begun, encodings, strict=True):
            read, found = self._read_on(text, part, encoding)
            ids.append(np.array(found.ids, np.int32))
            truncated += bool(found.overflowing) or read < len(text)
        return TokenizedTexts(ids, truncated)

    def _read_on(self, text: str, part: str, encoding: Any) -> tuple[int, Any]:
        """Take in more of a text that was cut, until tokens beyond the limit are sure to be left.

        The last word before the cut may have other tokens than in the whole text; two lengths of
        the limit away from it they are the same.

        Returns:
            How many characters count as read, and the encoding.
        """
        size = len(part)
        while len(part) < len(text) and len(encoding.overflowing) < 2 and size < MOST_CHARACTERS:
            size = min(2 * size + 16, MOST_CHARACTERS)
            part = self._cut(text, size)
            encoding = self._backend.encode(part, add_special_tokens=self._add_special_tokens)
        return len(part), encoding

    def _cut(self, text: str, size: int) -> str:
        """At most `size` characters of the end that is read, whole words if there are any."""
        if len(text) <= size:
            return text
        if self._cuts_left:
            return text[-size:]
        part = text[:size]
        words = part.rsplit(maxsplit=1)
        return words[0] if len(words) == 2 and len(words[0]) > size // 2 else part


def _pieces(texts: Sequence[str], enough: int) -> Iterator[list[str]]:
    """The texts in pieces of bounded size, which every thread of the tokenizer takes a share of."""
    piece: list[str] = []
    characters = 0
    for text in texts:
        size = min(len(text), enough)
        if piece and (len(piece) == PIECE_TEXTS or characters + size > PIECE_CHARACTERS):
            yield piece
            piece, characters = [], 0
        piece.append(text)
        characters += size
    if piece:
        yield piece
