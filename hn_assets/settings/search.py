"""The YAML section `search`: the index, and how deep it is searched."""

from typing import ClassVar

from pydantic import Field

from hn_assets.settings_base import Settings

DEFAULT_MEMORY_MB = 512
# Positives of a query that all rankings allow for. The few queries with more are searched again
# when they are mined, as they would make every ranking as deep.
MOST_POSITIVES = 100
RECIPROCAL_RANK_FUSION = "reciprocal_rank_fusion"
AUTO_ORDER = "auto"


class SearchSettings(Settings):
    """How documents are searched for each query."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "index",
        "search_parameters",
        "depth",
        "order",
        "memory_mb",
    )

    index: str = Field(
        default="Flat",
        min_length=1,
        description=(
            "FAISS `index_factory` string, inner product; `Flat` searches exactly. The recall of "
            "any other against exact search is measured and recorded with the candidates. It is "
            "trained and built on the CPU; of `IVF` indexes, those with `Flat`, `SQ` or `PQ` are "
            "then searched on GPUs if there are any, all further ones (such as `HNSW`) on the CPU"
        ),
    )
    search_parameters: str = Field(
        default="",
        description="FAISS `ParameterSpace` string for the index, such as `nprobe=32`",
    )
    depth: int | None = Field(
        default=None,
        ge=1,
        description=(
            "candidates kept per query, of each retriever; default: the end of the mining range "
            f"plus the most positives that any mined query has, {MOST_POSITIVES} at most. A query "
            "with more is searched deeper when it is mined"
        ),
    )
    order: str = Field(
        default=AUTO_ORDER,
        min_length=1,
        description=(
            "the order of the candidates of several `retrievers`: `reciprocal_rank_fusion`, or the "
            "name of the retriever whose score decides; what that one did not find comes last. "
            "`auto`: the dataset's own encoder if it is one of them, which leaks fewer false "
            "negatives at the same hardness, else `reciprocal_rank_fusion`"
        ),
    )
    memory_mb: int = Field(
        default=DEFAULT_MEMORY_MB,
        ge=16,
        description=(
            "bounds the memory of a search, in MiB, by how many queries it takes at once; it "
            "changes no ranking. The index takes none beside it, as it is mapped from its file"
        ),
    )

    def joined_order(self, own_retriever: str | None) -> str:
        """The order of joined candidates: `reciprocal_rank_fusion`, or the name of a retriever.

        Args:
            own_retriever: What the dataset's own encoder is called among the retrievers; None if it
                is none of them.
        """
        if self.order != AUTO_ORDER:
            return self.order
        return own_retriever or RECIPROCAL_RANK_FUSION
