"""Checks of the vectors and of the index that is built from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import HardNegativesError
from hn_assets.evaluation.checks.base.check import Check, CheckInputs
from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.ids import Ids
from hn_assets.retrieval.faiss_index import is_flat, open_index
from hn_assets.store import layout
from hn_assets.store.layout import StageFile

NORM_TOLERANCE = 1e-3
SAMPLE = 1_000  # vectors of an index that are compared


def vectors_are_sound(vectors: Path, texts: Path, *, normalize: bool) -> CheckResult:
    """Whether there is one finite vector for each text, in the order of the texts.

    Args:
        vectors: The file of the vectors.
        texts: The Parquet file of the corpus or the queries.
        normalize: Whether the vectors must have length 1.
    """
    table = VectorTable(vectors)
    ids = Ids(pq.read_table(texts, columns=["id"])["id"])
    not_finite = of_other_length = 0
    for block in table.blocks():
        finite = np.isfinite(block).all(axis=1)
        not_finite += int((~finite).sum())
        norms = np.linalg.norm(block[finite], axis=1)
        of_other_length += int((np.abs(norms - 1) > NORM_TOLERANCE).sum())
    figures = {"vectors": len(table), "texts": len(ids), "not_finite": not_finite}
    if table.ids != ids:
        seen = f"{len(table)} vectors are not those of the {len(ids)} texts: materialize again"
    elif not_finite:
        seen = (
            f"{not_finite} vectors hold NaN or infinity: the model is broken, or the precision is "
            f"too low for it. Try compute.precision: float32, or another model"
        )
    elif normalize and of_other_length:
        seen = f"{of_other_length} vectors are not of length 1, though they are to be normalized"
    else:
        return CheckResult(True, "every text has one sound vector", figures)
    return CheckResult(False, seen, figures)


def index_agrees_with_vectors(index_file: Path, ids_file: Path, vectors: Path) -> CheckResult:
    """Whether the index holds these vectors.

    Ids and dimension are compared, and for a flat index also the values of a sample of vectors.
    """
    table = VectorTable(vectors)
    try:
        index = open_index(index_file, ids_file, table)
    except HardNegativesError as error:
        return CheckResult(False, str(error))
    figures = {"vectors": len(table), "in_the_index": int(index.ntotal)}
    if not is_flat(index, table):
        return CheckResult(True, "ids and dimension of the index are those of the vectors", figures)
    rows = np.unique(np.linspace(0, len(table) - 1, min(SAMPLE, len(table))).astype(np.int64))
    other = int((index.reconstruct_batch(rows) != table.take(rows)).any(axis=1).sum())
    figures["compared"] = len(rows)
    if not other:
        return CheckResult(True, "the index holds the vectors of corpus_embeddings", figures)
    return CheckResult(
        False,
        f"{other} of {len(rows)} vectors in the index are not those of corpus_embeddings: "
        f"materialize faiss_index again",
        figures,
    )


def _vectors_are_sound(
    vectors: StageFile, texts: StageFile
) -> Callable[[CheckInputs], CheckResult]:
    return lambda inputs: vectors_are_sound(
        inputs.file(vectors),
        inputs.file(texts),
        normalize=inputs.info(vectors.stage)["space"]["normalize"],
    )


CHECKS = (
    Check(
        layout.CORPUS_EMBEDDINGS.stage,
        "vectors_are_sound",
        "Every document has one finite vector, of length 1 if vectors are normalized.",
        _vectors_are_sound(layout.CORPUS_EMBEDDINGS, layout.CORPUS),
    ),
    Check(
        layout.QUERY_EMBEDDINGS.stage,
        "vectors_are_sound",
        "Every query has one finite vector, of length 1 if vectors are normalized.",
        _vectors_are_sound(layout.QUERY_EMBEDDINGS, layout.QUERIES),
    ),
    Check(
        layout.FAISS_INDEX.stage,
        "index_agrees_with_vectors",
        "The index holds the vectors of corpus_embeddings.",
        lambda inputs: index_agrees_with_vectors(
            inputs.file(layout.FAISS_INDEX),
            inputs.file(layout.FAISS_INDEX_IDS),
            inputs.file(layout.CORPUS_EMBEDDINGS),
        ),
    ),
)
