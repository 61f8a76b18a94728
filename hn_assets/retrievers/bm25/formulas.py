"""The formulas of BM25 and its variants, as bm25s names and computes them.

They are compared by Kamphuis et al., "Which BM25 do you mean?" (ECIR 2020); BM25L and BM25+ are of
Lv and Zhai (SIGIR and CIKM 2011). `robertson` has no weight below 0.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["lucene", "robertson", "atire", "bm25l", "bm25+"]


@dataclass(frozen=True)
class Formula:
    """One variant with its parameters.

    Attributes:
        method: Its name.
        k1: How slowly a word that repeats stops to count more.
        b: How much longer documents are held back, from 0 to 1.
        delta: What bm25l and bm25+ add for a word that occurs at all.
    """

    method: Method
    k1: float
    b: float
    delta: float

    def word_weights(self, frequencies: NDArray[np.int64], documents: int) -> NDArray[np.float64]:
        """The inverse document frequency of each word.

        Args:
            frequencies: In how many documents each word occurs, at least 1.
            documents: How many documents there are.
        """
        df = frequencies.astype(np.float64)
        odds = (documents - df + 0.5) / (df + 0.5)
        inner = {
            "lucene": 1 + odds,
            "robertson": np.maximum(odds, 1),
            "atire": documents / df,
            "bm25l": (documents + 1) / (df + 0.5),
            "bm25+": (documents + 1) / df,
        }[self.method]
        return np.log(inner)

    def in_document(
        self, times: NDArray[np.float32], length: NDArray[np.float64], mean_length: float
    ) -> NDArray[np.float64]:
        """What words count in documents, beside their weights.

        Args:
            times: How often the word occurs in the document.
            length: How many words that has.
            mean_length: How many words documents have on average.
        """
        k1, b = self.k1, self.b
        relative = 1 - b + b * length / mean_length
        if self.method == "bm25l":
            part = times / relative
            return (k1 + 1) * (part + self.delta) / (k1 + part + self.delta)
        if self.method in ("atire", "bm25+"):
            # bm25s has this product in float32
            part = times * np.float32(k1 + 1) / (k1 * relative + times)
            return part + self.delta if self.method == "bm25+" else part
        return times / (k1 * relative + times)

    def without_word(self, weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """What a document without the word gets for it: 0, but for bm25l and bm25+."""
        if self.method in ("bm25l", "bm25+"):
            counts = self.in_document(np.zeros(1, np.float32), np.ones(1), 1.0)
            return (weights * counts).astype(np.float32)
        return np.zeros(len(weights), np.float32)
