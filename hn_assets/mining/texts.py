"""Number texts, so that equal ones can be found without keeping any of them in memory."""

from hashlib import blake2b
from pathlib import Path

import pandas as pd

from hn_assets.mining.exclusion import Texts
from hn_assets.tables import read_rows
from hn_assets.text import normalised, passage_text


def number_texts(corpus: Path, queries: Path, *, with_title: bool) -> Texts:
    """Give equal texts of documents and queries equal numbers.

    Args:
        corpus: Parquet file of the corpus.
        queries: Parquet file of the queries.
        with_title: whether a passage's text includes its title, as for the model.
    """
    documents = {
        row["id"]: _number(passage_text(row["title"], row["text"], with_title=with_title))
        for row in read_rows(corpus, ["id", "title", "text"])
    }
    asked = {row["id"]: _number(row["text"]) for row in read_rows(queries, ["id", "text"])}
    return Texts(pd.Series(documents, dtype="int64"), pd.Series(asked, dtype="int64"), _number(""))


def _number(text: str) -> int:
    digest = blake2b(normalised(text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
