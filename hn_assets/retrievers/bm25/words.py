"""From a text to numbers of its words: lower case, without stop words, stemmed.

Words are those of bm25s: two or more letters, digits or underscores. A language that is written
without spaces is not cut into words.
"""

import re
import runpy
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.text import parts_of_text

_WORD = re.compile(r"(?u)\b\w\w+\b")
_NOT_COUNTED = -1


@cache
def stop_words_by_language() -> dict[str, tuple[str, ...]]:
    """The stop words that bm25s has, by language; `english_plus` is a longer English list."""
    spec = find_spec("bm25s")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("bm25s is not installed: pip install bm25s", name="bm25s")
    # Its file of constants alone: bm25s as a whole starts JAX, if that is installed, which takes
    # most of a card's memory.
    constants = runpy.run_path(str(Path(spec.origin).with_name("stopwords.py")))
    names = {
        key.removeprefix("STOPWORDS_").lower(): value
        for key, value in constants.items()
        if key.startswith("STOPWORDS_")
    }
    long_names = {"en": "english", "en_plus": "english_plus"}
    return {long_names.get(name, name): tuple(words) for name, words in names.items()}


def stemmer_languages() -> list[str]:
    """The languages that PyStemmer knows."""
    import Stemmer

    return list(Stemmer.algorithms())


class Vocabulary(dict[str, int]):
    """The number of every word that texts were found to hold; words of one stem have one number.

    Args:
        language: A language of PyStemmer, or `none` to leave words as they are.
        stop_words: Words that do not count, in lower case.

    >>> vocabulary = Vocabulary("english", ["the"])
    >>> vocabulary.count("The heart and the hearts")
    array([0, 1, 0], dtype=int32)
    >>> vocabulary.look_up("hearts of oak")
    array([0], dtype=int32)
    """

    def __init__(self, language: str, stop_words: Iterable[str]) -> None:
        super().__init__(dict.fromkeys(stop_words, _NOT_COUNTED))
        self.size = 0
        self._stem: Any = None
        self._by_stem: dict[str, int] = {}
        if language != "none":
            import Stemmer

            # words that were seen stand in this dictionary; the stemmer need not keep them, too
            self._stem = Stemmer.Stemmer(language, 0).stemWord

    def __missing__(self, word: str) -> int:
        number = self._by_stem.setdefault(self._stem(word) if self._stem else word, self.size)
        self.size = max(self.size, number + 1)
        self[word] = number
        return number

    def count(self, text: str) -> NDArray[np.int32]:
        """The numbers of a text's words, in their order; a word that is new gets the next one."""
        # a dictionary that is asked by `map` is several times as fast as a loop
        numbers = np.concatenate(
            [
                np.array(list(map(self.__getitem__, _words(part))), np.int32)
                for part in parts_of_text(text)
            ]
        )
        return numbers[numbers >= 0]

    def look_up(self, text: str) -> NDArray[np.int32]:
        """The numbers of a text's words, in their order, without those that `count` never met."""
        numbers = [self._find(word) for part in parts_of_text(text) for word in _words(part)]
        return np.array([number for number in numbers if number >= 0], np.int32)

    def _find(self, word: str) -> int:
        known = self.get(word)
        if known is None:
            known = self._by_stem.get(self._stem(word) if self._stem else word, _NOT_COUNTED)
        return known


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
