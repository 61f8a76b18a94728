"""Pairs of query and passage as a cross-encoder reads them: one row of token ids for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.batches.batching import Batch, Layout, cut_batches
from hn_assets.encoding.batches.tokenizing import TextTokenizer, TokenIds

# Of the limit, what a query may take: the rest is left to the passage, which alone is cut to fit.
QUERY_SHARE = 3 / 4


@dataclass(frozen=True)
class PairBatch(Batch):
    """Pairs to score together, padded on the right.

    Attributes:
        passage_starts: Where the passage begins in each row, int64; None if the model does not
            tell the two apart.
    """

    passage_starts: NDArray[np.int64] | None = None

    def halves(self) -> "tuple[PairBatch, PairBatch]":
        """The same pairs in two batches; there must be two pairs at least."""
        middle = len(self.rows) // 2
        first, second = slice(None, middle), slice(middle, None)
        return self._part(first), self._part(second)

    def _part(self, part: slice) -> "PairBatch":
        starts = self.passage_starts
        return PairBatch(
            self.rows[part],
            self.tokens[part],
            self.lengths[part],
            None if starts is None else starts[part],
        )


class PairTokenizer:
    """Tokenises pairs as the model was trained on them, with the special tokens around both.

    Args:
        tokenizer: A fast tokenizer of transformers.
        max_length: The most tokens of a pair, special ones included.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self._texts = TextTokenizer(tokenizer, add_special_tokens=False)
        self._max_length = max_length
        self._pad = tokenizer.pad_token_id or 0
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()  # some tokenizers are saved with it
        sample = tokenizer.backend_tokenizer.encode("a", "b")
        ids, belongs_to = np.array(sample.ids, np.int32), np.array(sample.sequence_ids, float)
        query, passage = np.flatnonzero(belongs_to == 0), np.flatnonzero(belongs_to == 1)
        self._before = ids[: query[0]]
        self._between = ids[query[-1] + 1 : passage[0]]
        self._after = ids[passage[-1] + 1 :]
        names = getattr(tokenizer, "model_input_names", [])
        self._has_types = "token_type_ids" in names and 1 in sample.type_ids

    def cut_batches(
        self, pairs: Sequence[tuple[str, str]], *, max_tokens_per_batch: int, layout: Layout
    ) -> list[PairBatch]:
        """The pairs in batches of at most `max_tokens_per_batch` tokens, padding counted."""
        rows, starts = self._join(pairs)
        batches = cut_batches(
            rows,
            max_length=self._max_length,
            max_tokens_per_batch=max_tokens_per_batch,
            pad=self._pad,
            layout=layout,
        )
        return [
            PairBatch(
                batch.rows,
                batch.tokens,
                batch.lengths,
                starts[batch.rows] if self._has_types else None,
            )
            for batch in batches
        ]

    def _join(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[TokenIds], NDArray[np.int64]]:
        special = len(self._before) + len(self._between) + len(self._after)
        most_of_query = int(self._max_length * QUERY_SHARE)
        queries = self._texts.tokenize([query for query, _ in pairs], most_of_query).ids
        passages = self._texts.tokenize([text for _, text in pairs], self._max_length).ids
        rows, starts = [], np.zeros(len(pairs), np.int64)
        for i, (query, passage) in enumerate(zip(queries, passages, strict=True)):
            left = max(0, self._max_length - special - len(query))
            starts[i] = len(self._before) + len(query) + len(self._between)
            parts = [self._before, query, self._between, passage[:left], self._after]
            rows.append(np.concatenate(parts)[: self._max_length])
        return rows, starts
