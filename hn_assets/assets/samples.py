"""Texts for people to read beside the figures."""

from collections.abc import Collection
from pathlib import Path

from hn_assets.store.tables import read_rows


def read_texts(corpus: Path, ids: Collection[str]) -> dict[str, str]:
    """Title and text of a few documents, by id, without keeping the others in memory."""
    return {
        row["id"]: " — ".join(part for part in (row["title"], row["text"]) if part)
        for row in read_rows(corpus, ["id", "title", "text"])
        if row["id"] in ids
    }
