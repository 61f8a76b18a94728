"""Score pairs of a query and a passage with a reranker, on one or several devices."""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.cluster.ray_cluster import RayCluster, RayWorkers
from hn_assets.encoding.batches.batching import Layout, default_max_tokens
from hn_assets.encoding.computing_stats import ComputingStats
from hn_assets.encoding.devices.device_report import common_layout
from hn_assets.encoding.devices.worker_pool import InThisProcess, OnePerDevice, Workers
from hn_assets.encoding.models.sent_model import LoadSentModel, files_of_model
from hn_assets.encoding.window_stream import Window, compute_windows, read_ahead
from hn_assets.errors import ModelError
from hn_assets.reranking.device_rerankers import PairTexts
from hn_assets.reranking.model import RerankerIdentity, load_on_device, pair_tokenizer
from hn_assets.reranking.pair_batches import PairBatch
from hn_assets.settings.teacher import TeacherSettings


class Reranker:
    """Scores pairs of a query and a passage, on one or several devices.

    Args:
        identity: From `identify_reranker`.
        settings: Of the teacher.
        devices: Torch devices; several get a process each.
        precision: From `choose_precision`.
        max_tokens_per_batch: How many tokens are computed at once on each device, padding
            counted; None for the default.
        cluster: The cluster whose nodes have the devices; None if they are of this machine.

    Attributes:
        stats: What has been scored so far.

    Raises:
        ModelError: The model cannot be loaded.
    """

    def __init__(
        self,
        identity: RerankerIdentity,
        settings: TeacherSettings,
        *,
        devices: list[str],
        precision: str,
        max_tokens_per_batch: int | None = None,
        cluster: RayCluster | None = None,
    ) -> None:
        self._max_tokens = max_tokens_per_batch or default_max_tokens(devices[0])
        self._identity = identity
        self._devices, self._precision = devices, precision
        load = partial(
            load_on_device,
            identity=identity,
            settings=settings,
            precision=precision,
            batch_size=max(1, self._max_tokens // settings.max_length),
            max_tokens_per_batch=self._max_tokens,
        )
        # Before the model, whose loading checks that all its files are as they were hashed.
        self._tokenizer = pair_tokenizer(identity, settings)
        self.stats = ComputingStats()
        self._workers: Workers[Any]
        if cluster is not None:
            files = files_of_model(identity.location, identity.commit)
            self._workers = RayWorkers(cluster, LoadSentModel(load), files, "scores")
        elif len(devices) == 1:
            computer = load(devices[0])
            self._workers = InThisProcess(lambda: computer)
        else:
            self._workers = OnePerDevice(load, devices, "scores")

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """The model's score of each (query, passage), higher is better; float32, shape (pairs,).

        Raises:
            ModelError: A score is missing, NaN or infinite, or the model cannot compute it.
        """
        return np.concatenate(list(self.score_shards([pairs])))

    def score_shards(
        self, shards: Iterable[Sequence[tuple[str, str]]]
    ) -> Iterator[NDArray[np.float32]]:
        """The scores of each of several lists of pairs; the next ones are tokenised meanwhile.

        Raises:
            ModelError: A score is missing, NaN or infinite, or the model cannot compute it.
            WorkerError: A process of a device has died or hangs.
        """
        reports = self._workers.start()
        layout, cost = common_layout(reports), reports[0].cost
        source, stats = iter(shards), self.stats
        clock = [time.perf_counter()]

        def read() -> Window | None:
            pairs = next(source, None)
            return None if pairs is None else Window(pairs, self._cut(pairs, layout))

        def waited(seconds: float) -> None:
            stats.waited_for_tokens += seconds

        def computed(batch: PairBatch | PairTexts) -> None:
            if isinstance(batch, PairBatch):
                stats.count(batch.lengths, cost)
            else:  # FlagEmbedding tokenises them
                stats.texts += len(batch.rows)
            now = time.perf_counter()
            stats.seconds += now - clock[0]
            clock[0] = now

        for window in compute_windows(read_ahead(read, waited), self._workers, computed):
            assert window.results is not None, "a shard is never empty"
            yield self._check(window.names, window.results[:, 0])
            clock[0] = time.perf_counter()

    def speed_figures(self) -> dict[str, Any]:
        """How fast it has scored and what it waited for, for metadata."""
        return self.stats.figures(self._workers.start(), self._precision)

    def close(self) -> None:
        """End the processes of further devices."""
        self._workers.close()

    def _cut(self, pairs: Sequence[tuple[str, str]], layout: Layout) -> Sequence[Any]:
        if self._tokenizer is not None:
            return self._tokenizer.cut_batches(
                pairs, max_tokens_per_batch=self._max_tokens, layout=layout
            )
        step = -(-len(pairs) // len(self._devices))
        rows = range(len(pairs))
        return [
            PairTexts(list(rows[i : i + step]), list(pairs[i : i + step]))
            for i in range(0, len(pairs), step)
        ]

    def _check(
        self, pairs: Sequence[tuple[str, str]], scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        if not np.isfinite(scores).all():
            query, passage = pairs[int(np.argmin(np.isfinite(scores)))]
            raise ModelError(
                f"{self._identity.name} gives a score that is not finite for the query "
                f"{query[:80]!r} and the passage {passage[:80]!r}: the model or its precision is "
                f"broken. Try compute.precision: float32, or another model"
            )
        return scores
