"""corpus_embeddings and query_embeddings: one op, so that a run loads the model once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from hn_assets.assets.graph import GPU_POOL, Graph
from hn_assets.assets.metadata import distribution
from hn_assets.assets.resources import Compute
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.assets.step import Step
from hn_assets.encoding.embed import ReadTexts, embed, import_vectors, sample_texts
from hn_assets.encoding.encoder import Encoder, EncodingStats, Kind
from hn_assets.encoding.model import identify_model, load_model
from hn_assets.encoding.precision_loss import SAMPLE, measure_precision_loss
from hn_assets.encoding.vectors.cache_pruning import record_generation
from hn_assets.encoding.vectors.vector_cache import VectorCache, describe_space
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import StoreError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.store import layout as s
from hn_assets.store.tables import read_rows
from hn_assets.text import passage_text

KINDS: dict[str, tuple[str, Kind]] = {
    s.CORPUS_EMBEDDINGS.stage: (s.CORPUS.stage, "passage"),
    s.QUERY_EMBEDDINGS.stage: (s.QUERIES.stage, "query"),
}
# what changes speed and memory alone
NOT_CONTENT = {"max_tokens_per_batch"}
OF_QUERIES = {"query_instruction", "query_instruction_format", "query_max_length"}
OF_PASSAGES = {"include_title", "passage_max_length"}


def build_embeddings(graph: Graph) -> dg.AssetsDefinition:
    """The op that encodes the passages and the queries of a dataset."""
    config_class = run_config_class(graph.settings.encoding)
    specs = [
        graph.spec(
            s.CORPUS_EMBEDDINGS.stage,
            "A vector for every document, with its id.",
            deps=(s.CORPUS.stage,),
            kinds={"torch", "arrow"},
            settings=_settings_of(graph, NOT_CONTENT | OF_QUERIES),
        ),
        graph.spec(
            s.QUERY_EMBEDDINGS.stage,
            "A vector for every query, with its id. The query instruction is put before the text.",
            deps=(s.QUERIES.stage,),
            kinds={"torch", "arrow"},
            settings=_settings_of(graph, NOT_CONTENT | OF_PASSAGES),
        ),
    ]

    @dg.multi_asset(
        name=graph.op_name("embeddings"),
        specs=specs,
        can_subset=True,
        pool=GPU_POOL,
        required_resource_keys={graph.compute_key},
    )
    def embeddings(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> Iterator[dg.MaterializeResult]:
        with graph.running(context, "embeddings"):
            settings = apply_run_config(graph.settings.encoding, config)
            models = _Models(settings, graph.compute(context), context.log.info)
            try:
                for stage in KINDS:
                    if graph.key(stage) in context.selected_asset_keys:
                        yield _encode_stage(Step(graph, context, stage), models)
            finally:
                models.close()

    return embeddings


def _settings_of(graph: Graph, without: set[str]) -> dict[str, Any]:
    encoding = graph.settings.encoding.model_dump(mode="json")
    used = {name: value for name, value in encoding.items() if name not in without}
    return {**used, "precision": graph.settings.compute.precision}


class _Models:
    """The model, loaded when the first text needs it: where all vectors are there, never."""

    def __init__(
        self, settings: EncodingSettings, compute: Compute, log: Callable[[str], None]
    ) -> None:
        self.settings = settings
        self.compute = compute
        self.identity = identify_model(settings)
        self.devices = compute.choose_devices()
        self.precision = compute.choose_precision(self.devices[0])
        self._log = log
        self._encoders: dict[str, Encoder] = {}

    def encoder(self) -> Encoder:
        """Encodes what the vectors are made from."""
        return self._get(self.precision.value)

    def exact_encoder(self) -> Encoder:
        """Encodes in float32, to measure the loss of a lower precision."""
        return self._get("float32")

    def close(self) -> None:
        """End the processes of further devices."""
        for encoder in self._encoders.values():
            encoder.close()

    def _get(self, precision: str) -> Encoder:
        if precision not in self._encoders:
            why = self.precision.reason
            if precision != self.precision.value:
                why = f"to measure what {self.precision.value} loses"
            # one device is enough for a sample
            devices = self.devices if precision == self.precision.value else self.devices[:1]
            self._log(
                f"loading {self.identity.name} on {', '.join(devices)} in {precision} ({why})"
            )
            _silence_progress_bars()
            model = load_model(
                self.settings, devices=devices, precision=precision, identity=self.identity
            )
            self._encoders[precision] = Encoder(
                model,
                devices=devices,
                max_tokens_per_batch=self.settings.max_tokens_per_batch,
                compile=self.compute.compile,
            )
        return self._encoders[precision]


def _silence_progress_bars() -> None:
    """Bars fill a run's captured log with control characters; `Progress` writes lines instead."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _encode_stage(step: Step, models: _Models) -> dg.MaterializeResult:
    source, kind = KINDS[step.stage]
    settings, precision = models.settings, models.precision.value
    texts_file = step.input(source)
    space = describe_space(models.identity, settings, precision, kind)
    step.depends_on(space=space, include_title=settings.include_title and kind == "passage")
    if (current := step.current()) is not None:
        return current

    def read() -> Iterator[tuple[str, str]]:
        return _read_texts(texts_file, kind, include_title=settings.include_title)

    cache = VectorCache(step.graph.store.vectors, space)
    if cache.damaged:
        step.log.warning(
            f"{len(cache.damaged)} files of stored vectors were damaged and are made again: "
            f"{', '.join(path.name for path in cache.damaged[:3])} in {cache.folder}"
        )
    before = _import_earlier_vectors(step, cache)
    used: list[Encoder] = []

    def encoder() -> Encoder:
        used.append(models.encoder())
        used[0].stats = EncodingStats()
        return used[0]

    with step.publish() as draft:
        report = embed(
            read,
            kind,
            draft.path(FILE_OF[step.stage]),
            cache=cache,
            encoder=encoder,
            what=step.stage,
            log=step.log.info,
        )
        draft.info.update(
            {
                # vectors can be compared where all of this is equal
                "space": {
                    "dimension": report.dimension,
                    "pooling": models.identity.pooling,
                    "normalize": settings.normalize,
                    "weights": models.identity.weights,
                },
                "precision": precision,
                "vectors_of": cache.folder.name,
                "include_title": settings.include_title,
            }
        )
    assert draft.manifest is not None
    record_generation(cache, step.stage, draft.manifest.version, report.keys)
    return step.result(
        draft,
        {
            "dagster/row_count": report.texts,
            "shape": f"{report.texts} x {report.dimension}",
            "dtype": "float32",
            "texts_encoded": report.encoded,
            "texts_reused": report.reused,
            "texts_equal_to_another": report.duplicates,
            "ids_removed": len(before - set(report.ids)),
            "seconds_saved": round(report.reused * cache.seconds_per_text, 1),
            **_describe_model(models),
            **_describe_loss(models, cache, read, kind),
            **(_describe_encoding(used[0]) if used else {}),
            **distribution(report.norms, "norm"),
        },
    )


def _import_earlier_vectors(step: Step, cache: VectorCache) -> set[str]:
    """The ids of the version before, whose vectors the cache takes over where it lacks them."""
    try:
        manifest = step.place.manifest()
        if manifest is None:
            return set()
        vectors = VectorTable(step.place.file(FILE_OF[step.stage]))
        if manifest.info["vectors_of"] == cache.folder.name and (
            count := import_vectors(cache, vectors)
        ):
            step.log.info(f"{count:,} vectors of the last version are taken over")
        return set(vectors.ids)
    except StoreError:
        return set()  # it is damaged, which was said before


def _read_texts(path: Path, kind: Kind, *, include_title: bool) -> Iterator[tuple[str, str]]:
    if kind == "query":
        for row in read_rows(path, ["id", "text"]):
            yield row["id"], row["text"]
    else:
        for row in read_rows(path, ["id", "title", "text"]):
            yield row["id"], passage_text(row["title"], row["text"], include_title=include_title)


def _describe_model(models: _Models) -> dict[str, Any]:
    return {
        "model": models.identity.name,
        "weights": models.identity.weights,
        "pooling": models.identity.pooling,
        "instruction": models.settings.query_instruction or "none",
        "max_length_passages": models.identity.passage_max_length,
        "max_length_queries": models.identity.query_max_length,
        "include_title": models.settings.include_title,
        "device": ", ".join(models.devices),
        "precision": models.precision.value,
        "precision_reason": models.precision.reason,
    }


def _describe_loss(
    models: _Models, cache: VectorCache, read: ReadTexts, kind: Kind
) -> dict[str, Any]:
    if models.precision.value == "float32":
        return {}
    loss = measure_precision_loss(
        cache, lambda: sample_texts(read, SAMPLE), kind, models.exact_encoder
    )
    if loss is None:
        return {}
    return {
        "precision_cosine_to_float32_mean": loss.cosine_mean,
        "precision_cosine_to_float32_min": loss.cosine_min,
        "precision_overlap_with_float32": loss.overlap,
        "precision_measured_on": f"the {loss.neighbours} nearest of {loss.texts} texts",
    }


def _describe_encoding(encoder: Encoder) -> dict[str, Any]:
    stats = encoder.stats
    seconds = max(stats.seconds, 1e-9)
    return {
        "batching_engine": encoder.driver,
        "linear_layers": encoder.layers(),
        "compile": encoder.trial.outcome,
        "texts_per_second": round(stats.texts / seconds, 1),
        "tokens_per_second": round(stats.tokens / seconds, 1),
        "tokens": stats.tokens,
        "truncated_share": round(stats.truncated / max(stats.texts, 1), 4),
        "encoding_seconds": round(stats.seconds, 2),
    }
