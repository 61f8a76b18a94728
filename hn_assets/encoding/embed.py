"""From a Parquet file of texts to a file of their vectors, with all that is reported of it."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.encoder import Encoder, EncodingStats, Kind
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.precision_loss import SAMPLE, PrecisionLoss, measure_precision_loss
from hn_assets.encoding.vectors.vector_cache import VectorCache
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.encoding.write_vectors import import_vectors, sample_texts, write_vectors
from hn_assets.errors import StoreError
from hn_assets.store.tables import read_rows
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


@dataclass(frozen=True)
class EncodingSpeed:
    """How a model encoded what had no vector yet.

    Attributes:
        batching_engine: What cut the batches: `hn_assets` or `FlagEmbedding`.
        linear_layers: What was done to the model's linear layers.
        compile: Whether `torch.compile` was used, and why.
        texts_per_second: The speed, without the time to load the model.
        tokens_per_second: The speed, special tokens counted and padding not.
        tokens: How many tokens were read.
        truncated_share: The share of the encoded texts whose end was not read.
        encoding_seconds: What computing took.
    """

    batching_engine: str
    linear_layers: str
    compile: str
    texts_per_second: float
    tokens_per_second: float
    tokens: int
    truncated_share: float
    encoding_seconds: float

    @classmethod
    def of(cls, encoder: Encoder) -> "EncodingSpeed":
        """The figures of an encoder that has just encoded something."""
        stats = encoder.stats
        seconds = max(stats.seconds, 1e-9)
        return cls(
            batching_engine=encoder.batching_engine,
            linear_layers=encoder.linear_layers(),
            compile=encoder.compile_decision.outcome,
            texts_per_second=round(stats.texts / seconds, 1),
            tokens_per_second=round(stats.tokens / seconds, 1),
            tokens=stats.tokens,
            truncated_share=round(stats.truncated / max(stats.texts, 1), 4),
            encoding_seconds=round(stats.seconds, 2),
        )


@dataclass(frozen=True)
class EmbedReport:
    """What was embedded, and how.

    Attributes:
        texts: How many vectors the file holds.
        dimension: The dimension of the vectors.
        encoded: How many texts a model read just now.
        reused: How many texts had a vector from an earlier run.
        duplicates: How many texts share the vector of an equal text.
        removed: How many ids of the earlier run are no longer there.
        seconds_saved: What encoding the reused texts would have taken.
        norms: The norm of every vector; float32, shape (texts,).
        keys: The keys of the vectors in the cache.
        space_folder: The name of the cache's folder that holds the vectors.
        space: What must be equal for two vectors to be compared.
        model: Which model it is, its settings, device and precision.
        speed: How the model encoded; None if every vector was there.
        precision_loss: What a precision below float32 costs; None for float32.
    """

    texts: int
    dimension: int
    encoded: int
    reused: int
    duplicates: int
    removed: int
    seconds_saved: float
    norms: NDArray[np.float32]
    keys: list[bytes]
    space_folder: str
    space: dict[str, Any]
    model: dict[str, Any]
    speed: EncodingSpeed | None
    precision_loss: PrecisionLoss | None

    def manifest_info(self) -> dict[str, Any]:
        """What later stages and runs need to know of the vectors."""
        return {
            "space": self.space,
            "precision": self.model["precision"],
            "vectors_of": self.space_folder,
            "include_title": self.model["include_title"],
        }

    def figures(self) -> dict[str, Any]:
        """The figures of the stage's metadata, by name; the distribution of norms left out."""
        loss = self.precision_loss
        return {
            "dagster/row_count": self.texts,
            "shape": f"{self.texts} x {self.dimension}",
            "dtype": "float32",
            "texts_encoded": self.encoded,
            "texts_reused": self.reused,
            "texts_equal_to_another": self.duplicates,
            "ids_removed": self.removed,
            "seconds_saved": self.seconds_saved,
            **self.model,
            **(_describe_loss(loss) if loss is not None else {}),
            **(asdict(self.speed) if self.speed is not None else {}),
        }


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
        source: A Parquet file with the columns of `tables.QUERIES` or `tables.CORPUS`.
        kind: Queries get the model's instruction; passages are title and text.
        target: The Arrow file to write.
        model: Encodes what has no vector yet.
        cache_folder: The folder of all vectors that were ever made.
        earlier: What an earlier run published, for a machine that lacks its cache.
        what: What is encoded, for the lines of progress.
        log: Takes a line of progress now and then.
        warn: Takes what the user should know: damage. `log` takes it if this is None.

    Raises:
        ModelError: The model cannot be loaded, or a vector holds NaN or infinity.
        WorkerError: A process that encodes has died; what was encoded before is kept.
    """
    include_title = model.settings.include_title

    def read() -> Iterator[tuple[str, str]]:
        return read_texts(source, kind, include_title=include_title)

    cache = VectorCache(cache_folder, model.space(kind))
    if cache.damaged:
        (warn or log)(
            f"{len(cache.damaged)} files of stored vectors were damaged and are made again: "
            f"{', '.join(path.name for path in cache.damaged[:3])} in {cache.folder}"
        )
    before = _import_earlier(cache, earlier, log)
    used: list[Encoder] = []

    def encoder() -> Encoder:
        used.append(model.encoder())
        used[0].stats = EncodingStats()
        return used[0]

    written = write_vectors(read, kind, target, cache=cache, encoder=encoder, what=what, log=log)
    loss = None
    if model.precision.value != "float32":
        loss = measure_precision_loss(
            cache, lambda: sample_texts(read, SAMPLE), kind, model.exact_encoder
        )
    return EmbedReport(
        texts=len(written.ids),
        dimension=written.dimension,
        encoded=written.encoded,
        reused=written.reused,
        duplicates=written.duplicates,
        removed=len(before - set(written.ids)),
        seconds_saved=round(written.reused * cache.seconds_per_text, 1),
        norms=written.norms,
        keys=written.keys,
        space_folder=cache.folder.name,
        space={
            "dimension": written.dimension,
            "pooling": model.identity.pooling,
            "normalize": model.settings.normalize,
            "weights": model.identity.weights,
        },
        model=_describe_model(model),
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
) -> set[str]:
    """The ids of the earlier run, whose vectors the cache now holds, too."""
    if earlier is None:
        return set()
    try:
        vectors = VectorTable(earlier.path)
    except (StoreError, OSError):
        return set()  # it is damaged or gone, and the texts are encoded again
    if earlier.space_folder == cache.folder.name and (count := import_vectors(cache, vectors)):
        log(f"{count:,} vectors of the last version are reused")
    return set(vectors.ids)


def _describe_model(model: LazyModel) -> dict[str, Any]:
    return {
        "model": model.identity.name,
        "weights": model.identity.weights,
        "pooling": model.identity.pooling,
        "instruction": model.settings.query_instruction or "none",
        "max_length_passages": model.identity.passage_max_length,
        "max_length_queries": model.identity.query_max_length,
        "include_title": model.settings.include_title,
        "device": ", ".join(model.devices),
        "precision": model.precision.value,
        "precision_reason": model.precision.reason,
    }


def _describe_loss(loss: PrecisionLoss) -> dict[str, Any]:
    return {
        "precision_cosine_to_float32_mean": loss.cosine_mean,
        "precision_cosine_to_float32_min": loss.cosine_min,
        "precision_overlap_with_float32": loss.overlap,
        "precision_measured_on": f"the {loss.neighbours} nearest of {loss.texts} texts",
    }
