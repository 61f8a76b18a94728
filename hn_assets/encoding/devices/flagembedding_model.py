"""A model that only FlagEmbedding can drive, on one device: texts in, vectors out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hn_assets.encoding.devices.arithmetic import products_in
from hn_assets.encoding.devices.card import find_card
from hn_assets.encoding.devices.device_report import DeviceReport
from hn_assets.encoding.devices.forward_cost import forward_cost
from hn_assets.encoding.devices.trial_batches import trial_sizes
from hn_assets.encoding.models.model import LoadedModel, ModelIdentity, load_model
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.vector_file import Vectors
from hn_assets.settings.encoding import EncodingSettings

TRIAL_TEXT = "one text of a few words"
TRIAL_TOKENS = 65_536  # about what the texts have that FlagEmbedding gets at once


@dataclass(frozen=True)
class TextBatch:
    """Texts to encode by one call of FlagEmbedding.

    Attributes:
        rows: The places of the texts in their window.
        texts: The texts.
        lengths: How many tokens of each are read, int64.
        kind: Whether they are queries or passages.
        size: How many texts FlagEmbedding is to compute at once.
    """

    rows: list[int]
    texts: list[str]
    lengths: Any
    kind: Kind
    size: int


class FlagEmbeddingModel:
    """Encodes texts by FlagEmbedding's own loop, which pads and sorts them itself.

    Args:
        model: The model, loaded for one device.
        device: The torch device.

    Attributes:
        report: How it computes.
    """

    may_compile = False

    def __init__(self, model: LoadedModel, device: str) -> None:
        self._embedder: Any = model.embedder
        self._precision = model.precision
        self.report = DeviceReport(
            layout="same_length",
            attention="by FlagEmbedding",
            compile="never with FlagEmbedding",
            cost=forward_cost(self._embedder.model.config),
            card=find_card(device, model.precision),
        )

    def trials(self) -> Iterator[tuple[TextBatch, float]]:
        """Texts of growing number, each time with how many times larger the largest job can be."""
        for count, larger in trial_sizes(TRIAL_TOKENS):
            texts, rows = [TRIAL_TEXT] * count, list(range(count))
            yield TextBatch(rows, texts, np.zeros(count, np.int64), "passage", count), larger

    def compute(self, batches: Iterable[TextBatch]) -> Iterator[tuple[TextBatch, Vectors]]:
        """Each batch with its vectors, float32 of shape (texts, dimension), in their order."""
        for batch in batches:
            encode = (
                self._embedder.encode_queries
                if batch.kind == "query"
                else self._embedder.encode_corpus
            )
            with products_in(self._precision):
                vectors: Any = encode(batch.texts, batch_size=batch.size)
            if isinstance(vectors, dict):  # M3 returns its heads by name
                vectors = vectors["dense_vecs"]
            if self.report.card is not None:
                self.report.card.look_at_memory()
            yield batch, np.asarray(vectors, dtype=np.float32)


def _load(
    device: str, *, settings: EncodingSettings, identity: ModelIdentity, precision: str
) -> FlagEmbeddingModel:
    return FlagEmbeddingModel(
        load_model(settings, devices=[device], precision=precision, identity=identity), device
    )


def loader_of(model: LoadedModel) -> "partial[FlagEmbeddingModel]":
    """A function of a device that loads the same model there, to be called in another process."""
    return partial(
        _load, settings=model.settings, identity=model.identity, precision=model.precision
    )
