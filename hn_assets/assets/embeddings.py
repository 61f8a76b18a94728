"""corpus_embeddings and query_embeddings: one op, so that a run loads the model once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow.parquet as pq

from hn_assets.assets import graph as g
from hn_assets.assets.metadata import distribution
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.compute import Choice
from hn_assets.encoding.encoder import Encoder, EncodingStats, Kind
from hn_assets.encoding.loading import load_model
from hn_assets.encoding.settings import EncodingSettings
from hn_assets.encoding.vectors import VectorWriter
from hn_assets.store import Draft
from hn_assets.tables import read_rows
from hn_assets.text import passage_text

VECTORS_FILE = "vectors.arrow"
LOG_EVERY = 10.0  # seconds between lines of progress


def build_embeddings(graph: g.Graph) -> dg.AssetsDefinition:
    """The op that encodes the passages and the queries of a dataset."""
    config_class = run_config_class(graph.settings.encoding)
    specs = [
        graph.spec(
            g.CORPUS_EMBEDDINGS,
            "A vector for every document, with its id.",
            deps=(g.CORPUS,),
            kinds={"torch", "arrow"},
            code_version="1",
        ),
        graph.spec(
            g.QUERY_EMBEDDINGS,
            "A vector for every query, with its id. The query instruction is put before the text.",
            deps=(g.QUERIES,),
            kinds={"torch", "arrow"},
            code_version="1",
        ),
    ]

    @dg.multi_asset(
        name=graph.op_name("embeddings"),
        specs=specs,
        can_subset=True,
        pool=g.GPU_POOL,
        retry_policy=graph.retry_policy,
        required_resource_keys={graph.compute_key},
    )
    def embeddings(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> Iterator[dg.MaterializeResult]:
        with graph.explained_errors():
            settings = apply_run_config(graph.settings.encoding, config)
            compute = graph.compute(context)
            devices = compute.choose_devices()
            precision = compute.choose_precision(devices[0])
            context.log.info(
                f"loading {settings.model} on {', '.join(devices)} in {precision.value} "
                f"({precision.reason})"
            )
            _silence_progress_bars()
            model = load_model(settings, devices=devices, precision=precision.value)
            kinds: dict[str, tuple[str, Kind]] = {
                g.CORPUS_EMBEDDINGS: (g.CORPUS, "passage"),
                g.QUERY_EMBEDDINGS: (g.QUERIES, "query"),
            }
            for stage, (source, kind) in kinds.items():
                if graph.key(stage) in context.selected_asset_keys:
                    encoder = Encoder(model, devices=devices, batch_tokens=settings.batch_tokens)
                    yield _encode_stage(
                        graph, stage, source, kind, encoder, settings, precision, context.log.info
                    )

    return embeddings


def _silence_progress_bars() -> None:
    """Bars fill a run's captured log with control characters; `_Progress` writes lines instead."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _encode_stage(
    graph: g.Graph,
    stage: str,
    source: str,
    kind: Kind,
    encoder: Encoder,
    settings: EncodingSettings,
    precision: Choice,
    log: Callable[[str], None],
) -> dg.MaterializeResult:
    upstream = graph.store.stage(source)
    texts_file = upstream.file(f"{source}.parquet")
    total = pq.read_metadata(texts_file).num_rows
    report = _Progress(log, stage, total)
    with graph.store.stage(stage).publish() as draft:
        writer = VectorWriter(draft.path(VECTORS_FILE), "document" if kind == "passage" else kind)
        dimension = 0
        pairs = _read_texts(texts_file, kind, with_title=settings.with_title)
        for ids, vectors in encoder.encode_windows(pairs, kind, report):
            writer.write(ids, vectors)
            dimension = vectors.shape[1]
        norms = writer.close()
        draft.info.update(
            {
                # vectors can be compared where all of this is equal
                "space": {
                    "dimension": dimension,
                    "pooling": encoder.model.pooling,
                    "normalize": settings.normalize,
                    "weights": encoder.model.weights,
                },
                "precision": precision.value,
                "with_title": settings.with_title,
                source: upstream.require().version,
            }
        )
    return graph.result(stage, draft, _describe(encoder, settings, precision, draft, total, norms))


def _read_texts(path: Path, kind: Kind, *, with_title: bool) -> Iterator[tuple[str, str]]:
    if kind == "query":
        for row in read_rows(path, ["id", "text"]):
            yield row["id"], row["text"]
    else:
        for row in read_rows(path, ["id", "title", "text"]):
            yield row["id"], passage_text(row["title"], row["text"], with_title=with_title)


def _describe(
    encoder: Encoder,
    settings: EncodingSettings,
    precision: Choice,
    draft: Draft,
    total: int,
    norms: "np.ndarray",
) -> dict[str, Any]:
    stats, space = encoder.stats, draft.info["space"]
    seconds = max(stats.seconds, 1e-9)
    return {
        "dagster/row_count": total,
        "shape": f"{total} x {space['dimension']}",
        "dtype": "float32",
        "model": encoder.model.name,
        "weights": encoder.model.weights,
        "pooling": encoder.model.pooling,
        "instruction": settings.query_instruction or "none",
        "max_length_passages": encoder.model.passage_max_length,
        "max_length_queries": encoder.model.query_max_length,
        "with_title": settings.with_title,
        "device": ", ".join(encoder.devices),
        "precision": precision.value,
        "precision_reason": precision.reason,
        "batches_by": encoder.driver,
        "texts_per_second": round(stats.texts / seconds, 1),
        "tokens_per_second": round(stats.tokens / seconds, 1),
        "tokens": stats.tokens,
        "truncated_share": round(stats.truncated / max(stats.texts, 1), 4),
        "encoding_seconds": round(stats.seconds, 2),
        **distribution(norms, "norm"),
    }


class _Progress:
    """A line in the run's log every few seconds: how far, how fast, how long still."""

    def __init__(self, log: Callable[[str], None], what: str, total: int) -> None:
        self._log, self._what, self._total = log, what, total
        self._last = time.monotonic()

    def __call__(self, stats: EncodingStats) -> None:
        now = time.monotonic()
        if now - self._last < LOG_EVERY and stats.texts < self._total:
            return
        self._last = now
        speed = stats.texts / max(stats.seconds, 1e-9)
        self._log(
            f"{self._what}: {stats.texts:,} of {self._total:,} texts, "
            f"{stats.tokens / max(stats.seconds, 1e-9):,.0f} tokens/s, "
            f"{(self._total - stats.texts) / max(speed, 1e-9):,.0f} s left"
        )
