"""One copy of a reranker on one device: batches of pairs in, scores out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.batches.batching import Batch
from hn_assets.encoding.devices.arithmetic import products_in, weights_dtype
from hn_assets.encoding.devices.batch_computer import BatchComputer
from hn_assets.encoding.devices.card import find_card
from hn_assets.encoding.devices.device_report import DeviceReport
from hn_assets.encoding.devices.flagembedding_model import TRIAL_TEXT, TRIAL_TOKENS
from hn_assets.encoding.devices.trial_batches import trial_sizes
from hn_assets.encoding.devices.unpadded_attention import to_device
from hn_assets.errors import ModelError
from hn_assets.reranking.pair_batches import PairBatch

if TYPE_CHECKING:
    import torch


class CrossEncoder(BatchComputer[PairBatch]):
    """Scores batches of pairs with an encoder that has a head of one output.

    Args:
        model: A sequence classification model of transformers, on the CPU.
        name: Its name, for errors.
        device: The torch device.
        precision: float32, tf32, bfloat16 or float16.
        max_tokens_per_batch: The most tokens of a batch, padding counted; None for the default.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        device: str,
        precision: str,
        max_tokens_per_batch: int | None = None,
    ) -> None:
        super().__init__(
            name,
            model.config,
            device,
            precision,
            max_tokens_per_batch,
            "lower teacher.max_length",
        )
        self._model: Any = model.eval().to(device, weights_dtype(precision))

    def _adopt(self, batch: Batch) -> PairBatch:
        return PairBatch(batch.rows, batch.tokens, batch.lengths)

    def _forward(self, batch: PairBatch) -> "torch.Tensor":
        import torch

        places = np.arange(batch.tokens.shape[1])
        arguments = {
            "input_ids": to_device(batch.tokens, self.device).long(),
            "attention_mask": to_device(places < batch.lengths[:, None], self.device).long(),
        }
        if batch.passage_starts is not None:
            in_passage = (places >= batch.passage_starts[:, None]) & (
                places < batch.lengths[:, None]
            )
            arguments["token_type_ids"] = to_device(in_passage, self.device).long()
        with torch.no_grad():
            scores = self._model(**arguments).logits.float()
        if scores.shape[1:] != (1,):
            raise ModelError(
                f"{self._name} gives {scores.shape[1]} scores for a pair: it is no reranker, which "
                f"gives one. Set teacher.model to one that is"
            )
        return scores


@dataclass(frozen=True)
class PairTexts:
    """Pairs to score by one call of FlagEmbedding.

    Attributes:
        rows: The places of the pairs in what was asked for.
        pairs: (query, passage) of each.
    """

    rows: list[int]
    pairs: list[tuple[str, str]]


class FlagEmbeddingReranker:
    """Scores pairs by FlagEmbedding's own loop, for rerankers that are no plain encoders.

    Args:
        model: A reranker of FlagEmbedding, loaded for one device.
        name: Its name, for errors.
        device: The torch device.
        precision: float32, tf32, bfloat16 or float16.
    """

    may_compile = False

    def __init__(self, model: Any, name: str, device: str, precision: str) -> None:
        self._model, self._name, self._precision = model, name, precision
        self.report = DeviceReport(
            layout="same_length",
            attention="by FlagEmbedding",
            card=find_card(device, precision),
        )

    def trials(self) -> Iterator[tuple[PairTexts, float]]:
        """Pairs of growing number, each time with how many times larger the largest job can be."""
        for count, larger in trial_sizes(TRIAL_TOKENS):
            yield PairTexts(list(range(count)), [(TRIAL_TEXT, TRIAL_TEXT)] * count), larger

    def compute(
        self, batches: Iterable[PairTexts]
    ) -> Iterator[tuple[PairTexts, NDArray[np.float32]]]:
        """Each batch with its scores, float32 of shape (pairs, 1)."""
        for batch in batches:
            try:
                with products_in(self._precision):
                    computed = self._model.compute_score(list(batch.pairs))
            except Exception as error:  # FlagEmbedding and transformers raise errors of many kinds
                raise ModelError(f"{self._name} cannot score: {error}") from error
            scores = np.asarray(computed, np.float32).reshape(-1)
            if len(scores) != len(batch.pairs):
                raise ModelError(
                    f"{self._name} gives {len(scores)} scores for {len(batch.pairs)} pairs: it is "
                    f"no reranker, which gives one for each. Set teacher.model to one that is"
                )
            if self.report.card is not None:
                self.report.card.look_at_memory()
            yield batch, scores[:, None]
