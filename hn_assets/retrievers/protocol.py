"""What a kind of retriever has to offer: its settings, which rank documents for queries."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from hn_assets.encoding.vectors.vector_cache import Keys
from hn_assets.hashing import state_of_files
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.search import DEFAULT_MEMORY_MB
from hn_assets.settings_base import Settings


def _ignore(message: str) -> None:
    """Take a message and do nothing with it."""


@dataclass(frozen=True)
class RetrieverInputs:
    """What a retriever is given to work on.

    Attributes:
        base: The folder that relative paths in settings start from.
        corpus: A Parquet file with the columns of `schemas.CORPUS`.
        queries: A Parquet file with the columns of `schemas.QUERIES`.
        include_title: Whether a passage's text begins with its title, as the encoder reads it.
        memory_mb: About how many MiB a search may take at once, beside what it searches in. It
            changes no ranking.
        compute: The device and the precision of a retriever that has a model.
        vector_cache: The folder in which vectors are kept for later runs, or None to keep none.
        log: Takes a line of progress now and then.
        warn: Takes what the user should know.
    """

    base: Path
    corpus: Path
    queries: Path
    include_title: bool = True
    memory_mb: int = DEFAULT_MEMORY_MB
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    vector_cache: Path | None = None
    log: Callable[[str], None] = _ignore
    warn: Callable[[str], None] = _ignore


@dataclass(frozen=True)
class UsedVectors:
    """Vectors of the cache that a ranking was made with, which pruning must not remove.

    Attributes:
        kind: Of which texts they are: `passages` or `queries`.
        space_folder: The name of the folder in the cache.
        keys: Their keys in it.
    """

    kind: str
    space_folder: str
    keys: Keys


@dataclass(frozen=True)
class RetrieverReport:
    """What a retriever found.

    Attributes:
        depth: How many candidates a query has at most: the depth wanted, or the size of the corpus.
        depth_wanted: The depth asked for.
        queries: How many queries there are.
        queries_without_candidates: For how many of them nothing was found.
        candidates: How many candidates all queries have together.
        seconds: What it took, from reading the texts to the written file.
        scores_are: What a score is, as a person reads it.
        details: Further figures, which only this kind of retriever has, by name.
        used_vectors: The vectors of the cache that were used.
    """

    depth: int
    depth_wanted: int
    queries: int
    queries_without_candidates: int
    candidates: int
    seconds: float
    scores_are: str
    details: Mapping[str, Any] = field(default_factory=dict)
    used_vectors: tuple[UsedVectors, ...] = ()

    def manifest_info(self) -> dict[str, Any]:
        """What later stages and runs need to know of the rankings."""
        return {"depth": self.depth, "depth_wanted": self.depth_wanted}

    def figures(self) -> dict[str, Any]:
        """The figures of the stage's metadata, by name."""
        return {
            "depth": self.depth,
            "depth_wanted": self.depth_wanted,
            "queries": self.queries,
            "queries_without_candidates": self.queries_without_candidates,
            "scores_are": self.scores_are,
            "search_seconds": round(self.seconds, 3),
            "dagster/row_count": self.candidates,
            **self.details,
        }


class RetrieverSettings(Settings):
    """Base class of the settings of every kind of retriever.

    A subclass narrows `type` to a `Literal` with the name of the kind, which is what the YAML
    file says under `retrievers`.
    """

    # a `Literal` in every subclass; declared as text, type checkers would refuse to narrow it
    type: Any
    name: str = Field(
        default="",
        pattern=r"^([a-z][a-z0-9_]*)?$",
        description="what assets, columns and quotas call the retriever; default: its type",
    )

    @property
    def label(self) -> str:
        """The name, or the type if no name was given."""
        return self.name or self.type

    @property
    def is_own_encoder(self) -> bool:
        """Whether this is the dataset's own encoder, whose rankings the graph's stages make.

        `retrieve` is not called for it.
        """
        return False

    @property
    def has_model(self) -> bool:
        """Whether a model of its own computes, on a GPU if there is one."""
        return False

    @property
    def is_lexical(self) -> bool:
        """Whether it ranks by the words that texts share, and not by vectors.

        Such a rank tells the model of relevance what no cosine of an encoder does.
        """
        return False

    def external_files(self, base: Path) -> list[Path]:
        """The files that it reads beside corpus and queries, whether or not they are there.

        Args:
            base: The folder that relative paths start from.
        """
        return []

    def state(self, base: Path) -> str:
        """A short text that changes when what it reads beside corpus and queries may have changed.

        Nothing is read to find out; "" if there is nothing.

        Args:
            base: The folder that relative paths start from.

        Raises:
            HardNegativesError: A model is not there, or the hub does not answer.
        """
        files = self.external_files(base)
        return state_of_files(files) if files else ""

    @abstractmethod
    def identify(self, inputs: RetrieverInputs) -> Mapping[str, Any]:
        """What the rankings depend on beside these settings, the corpus and the queries.

        These are hashes of the files that are read, and the versions of libraries of which another
        release may rank differently. It is JSON, and little enough for a manifest.

        Raises:
            HardNegativesError: A file that the settings name is not there.
        """

    @abstractmethod
    def retrieve(self, inputs: RetrieverInputs, target: Path, depth: int) -> RetrieverReport:
        """Rank documents for every query, and write the rankings.

        The rows of a query stand together, in the order of the file of queries. Ranks count from 0,
        the best score first; equal scores are ordered by document id, which also decides which of
        them are cut off. A query for which little is found has few rows or none.

        Args:
            inputs: What is searched and what for.
            target: The Parquet file to write, with the columns of `schemas.CANDIDATES`; the score
                is the retriever's own. It is for a draft: after an error, part of it may be there.
            depth: How many candidates are wanted for each query.

        Raises:
            HardNegativesError: The settings, or the files that they name, cannot be used.
        """
