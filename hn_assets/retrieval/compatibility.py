"""What is refused before anything is ranked: vectors and an index that do not fit together."""

from collections.abc import Mapping
from typing import Any

from hn_assets.errors import SearchError


def check_same_space(documents: Mapping[str, Any], queries: Mapping[str, Any]) -> None:
    """Refuse to compare vectors that different models made.

    Args:
        documents: The space of `corpus_embeddings`: what must be equal for a comparison.
        queries: The space of `query_embeddings`.

    Raises:
        SearchError: They differ; the error names the first part that does.
    """
    for part in documents:
        if documents[part] != queries.get(part):
            raise SearchError(
                f"corpus_embeddings and query_embeddings do not fit together: {part} is "
                f"{documents[part]} for documents and {queries.get(part)} for queries; materialize "
                f"both with the same model, then faiss_index"
            )


def check_index_version(made_from: str, documents: str) -> None:
    """Refuse an index of vectors that have been replaced since.

    Args:
        made_from: The version of `corpus_embeddings` that the index was built from.
        documents: The version of `corpus_embeddings` now.

    Raises:
        SearchError: They differ.
    """
    if made_from != documents:
        raise SearchError(
            "faiss_index was built from other vectors than corpus_embeddings now holds; "
            "materialize faiss_index again"
        )
