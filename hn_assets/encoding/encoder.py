"""Drive a model: tokenise ahead, cut batches, compute them on every device, keep count."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from hn_assets.encoding.batching import DEFAULT_MAX_TOKENS, TokenIds, cut_batches
from hn_assets.encoding.devices.torch_compile import CompileDecision
from hn_assets.encoding.devices.worker_pool import OneDevice, OnePerDevice, Workers
from hn_assets.encoding.models.model import LoadedModel
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.vector_file import Vectors
from hn_assets.errors import ModelError

Name = TypeVar("Name")

# Texts that are tokenised and sorted by length at once, which bounds the memory, and computed
# between two shards, which bounds what a crash can cost. A GPU needs many for full batches.
WINDOW_TEXTS = {"cpu": 2048, "gpu": 32768}


@dataclass
class EncodingStats:
    """What encoding has done so far.

    Attributes:
        texts: How many texts were encoded.
        tokens: How many tokens were read, special ones counted, padding not.
        truncated: How many texts were longer than the limit, so that their end was not read.
        seconds: What computing took; tokenising runs beside it.
    """

    texts: int = 0
    tokens: int = 0
    truncated: int = 0
    seconds: float = 0.0


Progress = Callable[[EncodingStats], None]


@dataclass(frozen=True)
class _Window(Generic[Name]):
    names: list[Name]
    texts: list[str]
    tokens: list[TokenIds]
    truncated: int


class Encoder:
    """Texts to vectors with one loaded model, on one or several devices.

    Args:
        model: From `load_model`.
        devices: Torch devices; several get a process each.
        max_tokens_per_batch: How many tokens are computed at once on each device, padding
            counted; None for the default. Vectors of other batches differ by rounding.
        compile: `auto`, `always` or `never`: whether `torch.compile` is used.

    Attributes:
        stats: What has been encoded so far.
        window: How many texts are tokenised and sorted by length at once.
        compile_decision: Whether `torch.compile` is used, and why.
        cuts_batches: Whether batches are cut here; if not, FlagEmbedding drives the model.

    Example:
        >>> from hn_assets.encoding.models.model import load_model
        >>> from hn_assets.settings.encoding import EncodingSettings
        >>> model = load_model(EncodingSettings(), devices=["cpu"], precision="float32")
        >>> Encoder(model, devices=["cpu"]).encode(["heart attack"], "query").shape
        (1, 384)
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        devices: list[str],
        max_tokens_per_batch: int | None = None,
        compile: str = "never",
    ) -> None:
        self.model = model
        self.devices = devices
        kind = "cpu" if devices[0] == "cpu" else "gpu"
        self.max_tokens_per_batch = max_tokens_per_batch or DEFAULT_MAX_TOKENS[kind]
        self.window = WINDOW_TEXTS[kind]
        self.stats = EncodingStats()
        self.compile_decision = CompileDecision(compile, devices[0])
        self.cuts_batches = self._can_cut_batches()
        self._workers: Workers | None = None

    @property
    def batching_engine(self) -> str:
        """What cuts the batches: `hn_assets`, or `FlagEmbedding` for models only it can drive."""
        return "hn_assets" if self.cuts_batches else "FlagEmbedding"

    def linear_layers(self) -> str:
        """What was done to the model's linear layers, as a phrase for reports."""
        return self._start_workers().linear_layers() if self.cuts_batches else "as loaded"

    def close(self) -> None:
        """End the processes of further devices."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def encode_windows(
        self,
        texts: Iterable[tuple[Name, str]],
        kind: Kind,
        *,
        total: int | None = None,
        progress: Progress = lambda stats: None,
    ) -> Iterator[tuple[list[Name], Vectors]]:
        """Encode (id, text) pairs of any number, a bounded window at a time.

        The next window is read and tokenised while one is computed.

        Args:
            texts: Ids, or any other names, with their texts.
            kind: Queries get the model's instruction, passages do not.
            total: How many texts there are, if that is known.
            progress: Called after each batch.

        Yields:
            Ids and their vectors (float32, shape (n, dimension)), in the order given.
        """
        source, done = iter(texts), self.stats.texts
        with ThreadPoolExecutor(1) as ahead:
            upcoming = ahead.submit(self._read_window, source, kind)
            while (window := upcoming.result()) is not None:
                upcoming = ahead.submit(self._read_window, source, kind)
                left = 0 if total is None else done + total - self.stats.texts
                yield window.names, self._compute(window, kind, left, progress)

    def encode(
        self, texts: Sequence[str], kind: Kind, progress: Progress = lambda stats: None
    ) -> Vectors:
        """Vectors of `texts`, float32 of shape (len(texts), dimension), in their order."""
        if not len(texts):
            raise ValueError("encode needs at least one text")
        blocks = self.encode_windows(enumerate(texts), kind, total=len(texts), progress=progress)
        return np.concatenate([vectors for _, vectors in blocks])

    def _max_length(self, kind: Kind) -> int:
        identity = self.model.identity
        return identity.query_max_length if kind == "query" else identity.passage_max_length

    def _can_cut_batches(self) -> bool:
        """Whether the model is of the plain encoder class; the others have heads of their own."""
        from FlagEmbedding.inference.embedder import FlagModel

        tokenizer: Any = self.model.embedder.tokenizer
        return type(self.model.embedder) is FlagModel and tokenizer.is_fast

    def _start_workers(self) -> Workers:
        if self._workers is None:
            one = len(self.devices) == 1
            self._workers = (
                OneDevice(self.model, self.devices[0])
                if one
                else OnePerDevice(self.model, self.devices)
            )
        return self._workers

    def _read_window(
        self, source: Iterator[tuple[Name, str]], kind: Kind
    ) -> "_Window[Name] | None":
        pairs = list(islice(source, self.window))
        if not pairs:
            return None
        names, texts = [name for name, _ in pairs], [text for _, text in pairs]
        embedder: Any = self.model.embedder
        tokenizer, limit = embedder.tokenizer, self._max_length(kind)
        if tokenizer is None:
            raise ModelError(f"{self.model.identity.name} has no tokenizer")
        if not self.cuts_batches:  # tokenised for the counts alone
            all_ids = tokenizer(texts)["input_ids"]
            tokens = [np.array(ids[:limit], np.int32) for ids in all_ids]
            return _Window(names, texts, tokens, sum(len(ids) > limit for ids in all_ids))
        if kind == "query" and (instruction := embedder.query_instruction_for_retrieval):
            pattern = embedder.query_instruction_format
            texts = [embedder.get_detailed_instruct(pattern, instruction, t) for t in texts]
        encoded = tokenizer(texts, truncation=True, max_length=limit, return_attention_mask=False)
        tokens = [np.array(ids, np.int32) for ids in encoded["input_ids"]]
        truncated = sum(bool(text.overflowing) for text in encoded.encodings)
        return _Window(names, texts, tokens, truncated)

    def _compute(
        self, window: "_Window[Any]", kind: Kind, left: int, progress: Progress
    ) -> Vectors:
        compiled = self.compile_decision.next_window(
            left * self.stats.tokens / max(self.stats.texts, 1)
        )
        start, before, read = time.perf_counter(), self.stats.seconds, self.stats.tokens
        blocks = (
            self._drive(window, kind, compiled)
            if self.cuts_batches
            else self._leave_to_flagembedding(window, kind)
        )
        vectors: Vectors | None = None
        for rows, block in blocks:
            if vectors is None:
                vectors = np.empty((len(window.texts), block.shape[1]), np.float32)
            vectors[rows] = block
            self.stats.texts += len(rows)
            self.stats.tokens += sum(len(window.tokens[row]) for row in rows)
            self.stats.seconds = before + time.perf_counter() - start
            progress(self.stats)
        self.stats.truncated += window.truncated
        self.compile_decision.record(
            compiled, self.stats.tokens - read, time.perf_counter() - start
        )
        assert vectors is not None, "a window is never empty"
        return vectors

    def _drive(
        self, window: "_Window[Any]", kind: Kind, compiled: bool
    ) -> Iterator[tuple[list[int], Vectors]]:
        tokenizer: Any = self.model.embedder.tokenizer
        batches = cut_batches(
            window.tokens,
            max_length=self._max_length(kind),
            max_tokens_per_batch=self.max_tokens_per_batch,
            pad=tokenizer.pad_token_id or 0,
        )
        for batch, vectors in self._start_workers().compute(batches, compiled=compiled):
            yield batch.rows, vectors

    def _leave_to_flagembedding(
        self, window: "_Window[Any]", kind: Kind
    ) -> Iterator[tuple[list[int], Vectors]]:
        embedder = self.model.embedder
        size = max(1, self.max_tokens_per_batch // self._max_length(kind))
        encode = embedder.encode_queries if kind == "query" else embedder.encode_corpus
        vectors: Any = encode(window.texts, batch_size=size)
        if isinstance(vectors, dict):  # M3 returns its heads by name
            vectors = vectors["dense_vecs"]
        yield list(range(len(window.texts))), np.asarray(vectors, dtype=np.float32)
