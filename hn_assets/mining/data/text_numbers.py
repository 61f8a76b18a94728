"""Number texts, so that equal ones can be found without keeping any of them in memory."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hn_assets.errors import StoreError
from hn_assets.hashing import hash_of_normalised
from hn_assets.mining.data.indexed_dataset import Texts
from hn_assets.store.schemas import read_rows
from hn_assets.text import passage_text


def number_texts(
    corpus: Path,
    queries: Path,
    *,
    include_title: bool,
    document_ids: Sequence[str],
    query_ids: Sequence[str],
) -> Texts:
    """Give equal texts of documents and queries equal numbers.

    Args:
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
        include_title: Whether a passage's text begins with its title, as the model read it.
        document_ids: The ids of the documents' vectors, by row.
        query_ids: The ids of the queries' vectors, by row.

    Raises:
        StoreError: The texts and the vectors are not those of the same documents and queries, in
            the same order.
    """
    documents = _number_all(
        read_passages(corpus, include_title=include_title), document_ids, "corpus"
    )
    query_texts = ((row["id"], row["text"]) for row in read_rows(queries, ["id", "text"]))
    return Texts(documents, _number_all(query_texts, query_ids, "queries"), number_of_text(""))


def read_passages(corpus: Path, *, include_title: bool) -> Iterator[tuple[str, str]]:
    """The id and the text of every document, as the model reads it."""
    for row in read_rows(corpus, ["id", "title", "text"]):
        yield row["id"], passage_text(row["title"], row["text"], include_title=include_title)


def _number_all(
    rows: Iterable[tuple[str, str]], ids: Sequence[str], kind: str
) -> NDArray[np.int64]:
    out = np.zeros(len(ids), np.int64)
    count = 0
    wanted = iter(ids)
    for text_id, text in rows:
        if next(wanted, None) != text_id:
            raise _mismatch(kind, text_id)
        out[count] = number_of_text(text)
        count += 1
    if count < len(ids):
        raise _mismatch(kind, ids[count])
    return out


def _mismatch(kind: str, text_id: str) -> StoreError:
    return StoreError(
        f"{kind} and its vectors do not hold the same texts: {text_id!r} is the first that is not "
        f"in both, in the same place. Materialize the embeddings, faiss_index and candidates again"
    )


def number_of_text(text: str) -> int:
    """A number of 64 bits: equal normalised texts have equal numbers."""
    return int.from_bytes(hash_of_normalised(text, 8), "little", signed=True)
