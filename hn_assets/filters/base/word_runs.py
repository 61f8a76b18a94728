"""Words of a text as numbers, and runs of words as one number each.

Equal runs have equal numbers; case, white space and punctuation do not count.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hn_assets.text import normalised_parts

_WORD = re.compile(r"\w+")


def word_numbers(text: str) -> NDArray[np.uint64]:
    """A number for each word of a text, in their order."""
    return np.concatenate([np.zeros(0, np.uint64), *word_numbers_by_part(text)])


def word_numbers_by_part(text: str) -> Iterator[NDArray[np.uint64]]:
    """The same, in parts of bounded size."""
    for part in normalised_parts(text):
        yield np.array([_number(word) for word in _WORD.findall(part)], np.uint64)


def run_numbers(words: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """A number for each run of `length` words; none if there are fewer words.

    Args:
        words: From `word_numbers`.
        length: The number of words in a run.
    """
    count = len(words) - length + 1
    out = np.zeros(max(count, 0), np.uint64)
    for offset in range(length if count > 0 else 0):
        # In place: a text of 100 MB has millions of runs.
        out *= np.uint64(0x9E3779B97F4A7C15)
        out += words[offset : offset + count]
    return out


@lru_cache(maxsize=1 << 17)
def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
