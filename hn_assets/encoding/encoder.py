"""Drive a model: tokenise ahead, cut batches, compute them on every device, keep count."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from hn_assets.cluster.ray_cluster import RayCluster, RayWorkers
from hn_assets.encoding.batches.batching import Batch, Layout, cut_batches, default_max_tokens
from hn_assets.encoding.batches.tokenizing import TextTokenizer
from hn_assets.encoding.computing_stats import ComputingStats
from hn_assets.encoding.devices import device_model, flagembedding_model
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.devices.device_report import DeviceReport, common_layout
from hn_assets.encoding.devices.flagembedding_model import FlagEmbeddingModel, TextBatch
from hn_assets.encoding.devices.worker_pool import InThisProcess, OnePerDevice, Workers
from hn_assets.encoding.models.embedder import PlainEncoder
from hn_assets.encoding.models.model import LoadedModel
from hn_assets.encoding.models.sent_model import LoadSentModel, files_of_model
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.vector_file import Vectors
from hn_assets.encoding.window_stream import Window, compute_windows, read_ahead
from hn_assets.errors import ModelError

Name = TypeVar("Name")

# Texts that are tokenised and cut into batches at once, which bounds the memory, and computed
# between two shards, which bounds what a crash can cost. Padded batches of a card need many texts
# to be full; where texts are laid end to end, a small first window lets the card begin soon.
WINDOW_TEXTS: dict[Layout, int] = {
    "same_length": 2048,
    "runs_of_length": 2048,
    "sorted": 32768,
    "end_to_end": 8192,
}


Progress = Callable[[ComputingStats], None]


class Encoder:
    """Texts to vectors with one loaded model, on one or several devices.

    Args:
        model: From `load_model`.
        devices: Torch devices; several get a process each.
        max_tokens_per_batch: How many tokens are computed at once on each device, padding
            counted; None for the default. Vectors of other batches differ by rounding.
        compile: Whether the model is run through `torch.compile`.
        cluster: The cluster whose nodes have the devices; None if they are of this machine.

    Attributes:
        stats: What has been encoded so far.
        window: How many texts are tokenised and cut into batches at once; None for the default.
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
        compile: bool = False,
        cluster: RayCluster | None = None,
    ) -> None:
        self.model = model
        self.devices = devices
        self.max_tokens_per_batch = max_tokens_per_batch or default_max_tokens(devices[0])
        self.window: int | None = None
        self.stats = ComputingStats()
        self.cuts_batches = self._can_cut_batches()
        self._workers: Workers[Any] = self._choose_workers(compile, cluster)
        if model.embedder.tokenizer is None:
            raise ModelError(f"{model.identity.name} has no tokenizer")
        if len(model.heads) and not self.cuts_batches:
            raise ModelError(
                f"{model.identity.name} has modules behind its pooling, which FlagEmbedding does "
                f"not compute; set encoding.model_class to encoder-only-base"
            )
        self._tokenizer: Any = model.embedder.tokenizer

    @property
    def batching_engine(self) -> str:
        """What cuts the batches: `hn_assets`, or `FlagEmbedding` for models only it can drive."""
        return "hn_assets" if self.cuts_batches else "FlagEmbedding"

    def device_reports(self) -> list[DeviceReport]:
        """How the model computes on each device; loads it on its devices, if it was not."""
        return self._workers.start()

    def device_report(self) -> DeviceReport:
        """How the model computes on the first device; loads it on its devices, if it was not."""
        return self.device_reports()[0]

    def close(self) -> None:
        """End the processes of further devices."""
        self._workers.close()

    def encode_windows(
        self,
        texts: Iterable[tuple[Name, str]],
        kind: Kind,
        *,
        progress: Progress = lambda stats: None,
    ) -> Iterator[tuple[list[Name], Vectors]]:
        """Encode (id, text) pairs of any number, a bounded window at a time.

        The next windows are read and tokenised while one is computed, and the devices go on with
        the next one before all of one is computed.

        Args:
            texts: Ids, or any other names, with their texts.
            kind: Which instruction, if any, is put before each text.
            progress: Called after each batch.

        Yields:
            Ids and their vectors (float32, shape (n, dimension)), in the order given.

        Raises:
            ModelError: The memory of a device is too small for a single text.
            WorkerError: A process of a device has died or hangs.
            ClusterError: The cluster is lost.
        """
        reports = self.device_reports()
        layout, cost = common_layout(reports), reports[0].cost
        source, stats = iter(texts), self.stats
        clock = [time.perf_counter()]

        def waited(seconds: float) -> None:
            stats.waited_for_tokens += seconds

        def computed(batch: Batch | TextBatch) -> None:
            stats.count(batch.lengths, cost)
            now = time.perf_counter()
            stats.seconds += now - clock[0]
            clock[0] = now
            progress(stats)

        windows = read_ahead(partial(self._read_window, source, kind, layout), waited)
        for window in compute_windows(windows, self._workers, computed):
            stats.truncated += window.truncated
            assert window.results is not None, "a window is never empty"
            yield list(window.names), window.results
            clock[0] = time.perf_counter()

    def encode(
        self, texts: Sequence[str], kind: Kind, progress: Progress = lambda stats: None
    ) -> Vectors:
        """Vectors of `texts`, float32 of shape (len(texts), dimension), in their order."""
        if not len(texts):
            raise ValueError("encode needs at least one text")
        blocks = self.encode_windows(enumerate(texts), kind, progress=progress)
        return np.concatenate([vectors for _, vectors in blocks])

    def _can_cut_batches(self) -> bool:
        """Whether it is a plain encoder, whose only head is its pooling and those behind it."""
        return isinstance(self.model.embedder, PlainEncoder)

    def _choose_workers(self, compile: bool, cluster: RayCluster | None) -> Workers[Any]:
        model, devices = self.model, self.devices
        if len(devices) > 1 or cluster is not None:
            load: Any = (
                device_model.loader_of(
                    model, compile=compile, max_tokens_per_batch=self.max_tokens_per_batch
                )
                if self.cuts_batches
                else flagembedding_model.loader_of(model)
            )
            if cluster is not None:
                files = files_of_model(model.identity.location, model.identity.commit)
                return RayWorkers(cluster, LoadSentModel(load), files, "encodes")
            return OnePerDevice(load, devices, "encodes")
        if self.cuts_batches:
            return InThisProcess[Batch](partial(DeviceModel, model, devices[0], compile=compile))
        return InThisProcess[TextBatch](partial(FlagEmbeddingModel, model, devices[0]))

    def _read_window(
        self, source: Iterator[tuple[Name, str]], kind: Kind, layout: Layout
    ) -> Window | None:
        pairs = list(islice(source, self.window or WINDOW_TEXTS[layout]))
        if not pairs:
            return None
        names, texts = [name for name, _ in pairs], [text for _, text in pairs]
        limit = self.model.identity.max_length(kind)
        if not self.cuts_batches:
            return self._leave_to_flagembedding(names, texts, kind, limit)
        found = TextTokenizer(self._tokenizer).tokenize(self._instruct(texts, kind), limit)
        batches = cut_batches(
            found.ids,
            max_length=limit,
            max_tokens_per_batch=self.max_tokens_per_batch,
            pad=self._tokenizer.pad_token_id or 0,
            layout=layout,
        )
        return Window(names, batches, found.truncated)

    def _instruct(self, texts: list[str], kind: Kind) -> list[str]:
        prompt = self.model.identity.usage.prompt(kind)
        return [prompt.join(text) for text in texts]

    def _leave_to_flagembedding(
        self, names: list[Name], texts: list[str], kind: Kind, limit: int
    ) -> Window:
        """Pieces of a window for FlagEmbedding, which puts instructions before queries itself."""
        if kind == "passage":
            texts = self._instruct(texts, kind)
        # tokenised for the counts alone
        lengths = np.array([len(ids) for ids in self._tokenizer(texts)["input_ids"]], np.int64)
        pieces = 1 if len(self.devices) == 1 else 4 * len(self.devices)
        size = max(1, self.max_tokens_per_batch // limit)
        step = -(-len(texts) // pieces)
        batches = [
            TextBatch(
                rows=list(range(start, min(start + step, len(texts)))),
                texts=texts[start : start + step],
                lengths=np.minimum(lengths[start : start + step], limit),
                kind=kind,
                size=size,
            )
            for start in range(0, len(texts), step)
        ]
        return Window(names, batches, int((lengths > limit).sum()))
