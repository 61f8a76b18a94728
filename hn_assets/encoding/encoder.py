"""Drive a model in batches that waste little padding and never change a result.

A text is padded to a length that depends on the text alone (its own tokens, rounded up), and
shares a batch only with texts of that length. So its float32 vector is the same bits whatever
the batch size, the order of the corpus, or what else is encoded with it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hn_assets.encoding.loading import LoadedModel
from hn_assets.encoding.vectors import Vectors
from hn_assets.errors import ModelError

if TYPE_CHECKING:
    import torch

Kind = Literal["query", "passage"]

WINDOW = 4096  # texts tokenised and sorted by length at once: bounds the memory
GOLDEN = 0.6180339887  # multiples of it spread evenly over [0, 1)
LENGTH_STEP = 8  # a batch is padded to a multiple of this many tokens
DEFAULT_BATCH_TOKENS = {"cpu": 4096, "gpu": 65536}


@dataclass
class EncodingStats:
    """What encoding has done so far.

    Attributes:
        texts: texts encoded.
        tokens: tokens read, special ones counted, padding not.
        truncated: texts longer than the limit, whose end was not read.
        seconds: spent tokenising and computing.
    """

    texts: int = 0
    tokens: int = 0
    truncated: int = 0
    seconds: float = 0.0


class Encoder:
    """Texts to vectors with one loaded model, on one or several devices.

    Args:
        model: from `load_model`.
        devices: torch devices; each gets a copy of the model and takes batches from one queue.
        batch_tokens: tokens computed at once per device, padding counted; None for the default.

    Example:
        >>> from hn_assets.encoding.loading import load_model
        >>> from hn_assets.encoding.settings import EncodingSettings
        >>> model = load_model(EncodingSettings(), devices=["cpu"], precision="float32")
        >>> Encoder(model, devices=["cpu"]).encode(["heart attack"], "query").shape
        (1, 384)
    """

    def __init__(
        self, model: LoadedModel, *, devices: list[str], batch_tokens: int | None = None
    ) -> None:
        self.model = model
        self.devices = devices
        on_cpu = devices[0] == "cpu"
        self.batch_tokens = batch_tokens or DEFAULT_BATCH_TOKENS["cpu" if on_cpu else "gpu"]
        self.stats = EncodingStats()
        self.is_driven = self._can_drive()
        self._replicas: SimpleQueue[tuple[str, Any]] | None = None

    @property
    def driver(self) -> str:
        """Who cuts the batches: `hn_assets`, or `FlagEmbedding` for models only it can drive."""
        return "hn_assets" if self.is_driven else "FlagEmbedding"

    def encode_windows(
        self,
        texts: Iterator[tuple[str, str]],
        kind: Kind,
        progress: Callable[[EncodingStats], None] = lambda stats: None,
    ) -> Iterator[tuple[list[str], Vectors]]:
        """Encode (id, text) pairs of any number, a bounded window at a time.

        Yields:
            ids and their vectors (float32, shape (n, dimension)), in the order given.
        """
        texts = iter(texts)
        while window := list(islice(texts, WINDOW)):
            ids, contents = zip(*window, strict=True)
            yield list(ids), self.encode(contents, kind, progress)

    def encode(
        self,
        texts: Sequence[str],
        kind: Kind,
        progress: Callable[[EncodingStats], None] = lambda stats: None,
    ) -> Vectors:
        """Vectors of `texts`, float32 of shape (len(texts), dimension), in their order.

        Queries get the model's instruction, passages do not. `progress` is told after each batch.
        """
        embedder = self.model.embedder
        instruction = embedder.query_instruction_for_retrieval if kind == "query" else None
        if not self.is_driven:
            return self._encode_with_flagembedding(texts, kind, progress)
        if instruction is not None:
            pattern = embedder.query_instruction_format
            texts = [embedder.get_detailed_instruct(pattern, instruction, t) for t in texts]
        return self._encode_in_batches(texts, self._max_length(kind), progress)

    def _max_length(self, kind: Kind) -> int:
        return self.model.query_max_length if kind == "query" else self.model.passage_max_length

    def _can_drive(self) -> bool:
        """Only the plain encoder class is driven; the others have heads of their own."""
        from FlagEmbedding.inference.embedder import FlagModel

        tokenizer: Any = self.model.embedder.tokenizer
        return type(self.model.embedder) is FlagModel and tokenizer.is_fast

    def _encode_in_batches(
        self, texts: Sequence[str], max_length: int, progress: Callable[[EncodingStats], None]
    ) -> Vectors:
        start, before = time.perf_counter(), self.stats.seconds
        ids = self._tokenise(texts, max_length)
        by_length: dict[int, list[int]] = defaultdict(list)
        for row, tokens in enumerate(ids):
            # not beyond the limit, which may be all that the model has positions for
            length = min(-(-len(tokens) // LENGTH_STEP) * LENGTH_STEP, max_length)
            by_length[length].append(row)
        batches: list[tuple[int, list[int]]] = []
        for length in sorted(by_length, reverse=True):
            rows, size = by_length[length], max(1, self.batch_tokens // length)
            batches += [(length, rows[i : i + size]) for i in range(0, len(rows), size)]
        # the longest first, so that too little memory shows at once; then long and short mixed,
        # so that the speed so far foretells the rest
        batches = [batches[i] for i in sorted(range(len(batches)), key=lambda i: i * GOLDEN % 1)]

        def compute(batch: tuple[int, list[int]]) -> Vectors:
            replicas = self._load_replicas()
            device, network = replicas.get()
            try:
                length, rows = batch
                return self._forward(device, network, [ids[row] for row in rows], length)
            finally:
                replicas.put((device, network))

        self._load_replicas()
        vectors: Vectors | None = None
        with ThreadPoolExecutor(len(self.devices)) as pool:
            for (_, rows), block in zip(batches, pool.map(compute, batches), strict=True):
                if vectors is None:
                    vectors = np.empty((len(texts), block.shape[1]), np.float32)
                vectors[rows] = block
                self.stats.texts += len(rows)
                self.stats.tokens += sum(len(ids[row]) for row in rows)
                self.stats.seconds = before + time.perf_counter() - start
                progress(self.stats)
        assert vectors is not None, "encode needs at least one text"
        return vectors

    def _tokenise(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        encoded = self.model.embedder.tokenizer(  # type: ignore[misc]
            list(texts), truncation=True, max_length=max_length, return_attention_mask=False
        )
        self.stats.truncated += sum(bool(text.overflowing) for text in encoded.encodings)
        return encoded["input_ids"]

    def _forward(
        self, device: str, network: "torch.nn.Module", ids: list[list[int]], length: int
    ) -> Vectors:
        import torch

        embedder: Any = self.model.embedder
        pad = embedder.tokenizer.pad_token_id or 0
        tokens = torch.tensor([row + [pad] * (length - len(row)) for row in ids])
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in ids])
        tokens, mask = tokens.to(device), mask.to(device)
        with torch.inference_mode():
            hidden = network(input_ids=tokens, attention_mask=mask).last_hidden_state
            pooled = embedder.pooling(hidden, mask).float()
            if embedder.normalize_embeddings:
                pooled = torch.nn.functional.normalize(pooled, dim=-1)
        return pooled.cpu().numpy()

    def _load_replicas(self) -> SimpleQueue[tuple[str, Any]]:
        if self._replicas is None:
            network: Any = self.model.embedder.model
            self._replicas = SimpleQueue()
            for device in self.devices:
                copy = network if len(self.devices) == 1 else deepcopy(network)
                self._replicas.put((device, copy.eval().to(device)))
        return self._replicas

    def _encode_with_flagembedding(
        self, texts: Sequence[str], kind: Kind, progress: Callable[[EncodingStats], None]
    ) -> Vectors:
        start = time.perf_counter()
        embedder = self.model.embedder
        self._tokenise_for_counts(texts, self._max_length(kind))
        size = max(1, self.batch_tokens // self._max_length(kind))
        encode = embedder.encode_queries if kind == "query" else embedder.encode_corpus
        vectors: Any = encode(list(texts), batch_size=size)
        if isinstance(vectors, dict):  # M3 returns its heads by name
            vectors = vectors["dense_vecs"]
        self.stats.texts += len(texts)
        self.stats.seconds += time.perf_counter() - start
        progress(self.stats)
        return np.asarray(vectors, dtype=np.float32)

    def _tokenise_for_counts(self, texts: Sequence[str], max_length: int) -> None:
        tokenizer: Any = self.model.embedder.tokenizer
        if tokenizer is None:
            raise ModelError(f"{self.model.name} has no tokenizer")
        lengths = [len(tokens) for tokens in tokenizer(list(texts))["input_ids"]]
        self.stats.truncated += sum(length > max_length for length in lengths)
        self.stats.tokens += sum(min(length, max_length) for length in lengths)
