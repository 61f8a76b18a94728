"""From a Parquet file of texts to a file of their vectors, with all that is reported of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hn_assets.encoding.computing_stats import ComputingStats
from hn_assets.encoding.embed_report import EmbedReport, EncodingSpeed
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.precision_loss import SAMPLE, measure_precision_loss
from hn_assets.encoding.vectors.vector_cache import VectorCache
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.encoding.write_vectors import import_vectors, sample_texts, write_vectors
from hn_assets.errors import StoreError
from hn_assets.ids import Ids
from hn_assets.store.schemas import read_rows
from hn_assets.text import passage_text


@dataclass(frozen=True)
class EarlierVectors:
    """The vectors that an earlier run published.

    Attributes:
        path: The file of vectors.
        space_folder: The `space_folder` of that run's report; only vectors of the same space
            are reused.
    """

    path: Path
    space_folder: str


def embed_texts(
    source: Path,
    kind: Kind,
    target: Path,
    *,
    model: LazyModel,
    cache_folder: Path,
    earlier: EarlierVectors | None = None,
    what: str,
    log: Callable[[str], None],
    warn: Callable[[str], None] | None = None,
) -> EmbedReport:
    """Write a vector for every query or document of `source` to `target`.

    A text that ever had a vector in the same space keeps it: no model reads it again.

    Args:
        source: A Parquet file with the columns of `schemas.QUERIES` or `schemas.CORPUS`.
        kind: Which prompt is put before each text; a passage is title and text.
        target: The Arrow file to write.
        model: Encodes what has no vector yet.
        cache_folder: The folder of all vectors that were ever made.
        earlier: What an earlier run published, for a machine that lacks its cache.
        what: What is encoded, for the lines of progress.
        log: Takes a line of progress now and then.
        warn: Takes what the user should know: damage, and a card that is not used. `log` takes it
            if this is None.

    Raises:
        ModelError: The model cannot be loaded, or a vector holds NaN or infinity.
        WorkerError: A process that encodes has died; what was encoded before is kept.
    """
    include_title = model.settings.include_title

    def read() -> Iterator[tuple[str, str]]:
        return read_texts(source, kind, include_title=include_title)

    for choice in (model.device_choice, model.precision):
        if choice.fell_back:
            (warn or log)(f"{what}: {choice.reason}")
    if missing := model.identity.usage.missing_prompts.get(kind):
        (warn or log)(missing)
    stored = model.settings.stored_precision
    cache = VectorCache(cache_folder, model.space(kind), stored)
    if cache.damaged:
        (warn or log)(
            f"{len(cache.damaged)} files of stored vectors were damaged and are made again: "
            f"{', '.join(path.name for path in cache.damaged[:3])} in {cache.folder}"
        )
    before = _import_earlier(cache, earlier, log)
    used: list[Encoder] = []

    def encoder() -> Encoder:
        used.append(model.encoder())
        used[0].stats = ComputingStats()
        return used[0]

    written = write_vectors(read, kind, target, cache=cache, encoder=encoder, what=what, log=log)
    loss = None
    if model.precision.value != "float32" or stored != "float32":
        loss = measure_precision_loss(
            cache, lambda: sample_texts(read, SAMPLE), kind, model.exact_encoder
        )
    return EmbedReport(
        texts=len(written.ids),
        dimension=written.dimension,
        encoded=written.encoded,
        reused=written.reused,
        duplicates=written.duplicates,
        removed=int((written.ids.rows_of(before.column) < 0).sum()),
        seconds_saved=round(written.reused * cache.seconds_per_text, 1),
        norms=written.norms,
        keys=written.keys,
        space_folder=cache.folder.name,
        space={
            "dimension": written.dimension,
            "pooling": model.identity.pooling,
            "normalize": model.identity.usage.normalize,
            "weights": model.identity.weights,
        },
        model=_describe_model(model, kind),
        usage=model.identity.describe_usage(kind),
        speed=EncodingSpeed.of(used[0]) if used else None,
        precision_loss=loss,
    )


def read_texts(path: Path, kind: Kind, *, include_title: bool) -> Iterator[tuple[str, str]]:
    """Id and text, as the model reads it, of every query or document of a Parquet file."""
    if kind == "query":
        for row in read_rows(path, ["id", "text"]):
            yield row["id"], row["text"]
    else:
        for row in read_rows(path, ["id", "title", "text"]):
            yield row["id"], passage_text(row["title"], row["text"], include_title=include_title)


def _import_earlier(
    cache: VectorCache, earlier: EarlierVectors | None, log: Callable[[str], None]
) -> Ids:
    """The ids of the earlier run, whose vectors the cache now holds, too."""
    if earlier is None:
        return Ids([])
    try:
        vectors = VectorTable(earlier.path)
    except (StoreError, OSError):
        return Ids([])  # it is damaged or gone, and the texts are encoded again
    if earlier.space_folder == cache.folder.name and (count := import_vectors(cache, vectors)):
        log(f"{count:,} vectors of the last version are reused")
    return vectors.ids


def _describe_model(model: LazyModel, kind: Kind) -> dict[str, Any]:
    return {
        "model": model.identity.name,
        "weights": model.identity.weights,
        "pooling": model.identity.pooling,
        "instruction": model.identity.usage.prompt(kind).instruction or "none",
        "max_length_passages": model.identity.passage_max_length,
        "max_length_queries": model.identity.query_max_length,
        "include_title": model.settings.include_title,
        "device": ", ".join(model.devices),
        "device_reason": model.device_choice.reason,
        "precision": model.precision.value,
        "precision_reason": model.precision.reason,
        "dtype": model.settings.stored_precision,
    }
