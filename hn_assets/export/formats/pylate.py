"""The format `pylate`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from hn_assets.export.base.examples import Examples
from hn_assets.export.base.format import ExportContext, Format, WrittenFiles
from hn_assets.export.base.row_files import write_parquet

TRAIN, QUERIES, DOCUMENTS = (
    f"pylate-{table}.parquet" for table in ("train", "queries", "documents")
)
TRAIN_COLUMNS = pa.schema(
    [
        ("query_id", pa.string()),
        ("document_ids", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float32())),
    ]
)
QUERY_COLUMNS = pa.schema([("query_id", pa.string()), ("text", pa.string())])
DOCUMENT_COLUMNS = pa.schema([("document_id", pa.string()), ("text", pa.string())])


class PyLate(Format):
    """The three tables that PyLate distils a late-interaction model from.

    The table `train` has a row for every positive of a query: the id of the positive, then those of
    the negatives, and the teacher's scores in the same order. The other two tables give the texts,
    which `pylate.utils.KDProcessing(queries=..., documents=...)` looks up. PyLate makes one tensor
    of the scores of a batch, so every row has as many negatives as were asked for: queries with
    fewer are left out of `train`. `KDProcessing` reads the first `n_ways` passages of a row, 32 by
    default, so the positive is always among them.

    The loss compares the model's distribution over the passages of a row with that of the teacher.
    The retriever's own scores would not serve: they are the ranking that the negatives mislead.

    Source: https://lightonai.github.io/pylate/documentation/datasets/
    """

    name: ClassVar = "pylate"
    description: ClassVar = "Parquet tables for knowledge distillation, which need a teacher"
    files: ClassVar = {
        TRAIN: "`query_id`, `document_ids`, `scores`",
        QUERIES: "`query_id`, `text`",
        DOCUMENTS: "`document_id`, `text`",
    }
    with_teacher: ClassVar = "needs one"
    read_by: ClassVar = "PyLate: `utils.KDProcessing` with `losses.Distillation`"
    needs_teacher: ClassVar = True

    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write the queries that have all negatives that were asked for, and all texts."""
        queries = ({"query_id": e.query_id, "text": e.query} for e in examples)
        documents = ({"document_id": doc_id, "text": text} for doc_id, text in examples.passages())
        rows = {
            TRAIN: (TRAIN_COLUMNS, _rows(examples, context.num_negatives)),
            QUERIES: (QUERY_COLUMNS, queries),
            DOCUMENTS: (DOCUMENT_COLUMNS, documents),
        }
        return WrittenFiles(
            {name: write_parquet(folder / name, *table) for name, table in rows.items()},
            queries_left_out=examples.count_short(context.num_negatives),
        )


def _rows(examples: Examples, num_negatives: int) -> Iterator[dict[str, Any]]:
    for example in examples:
        if len(example.negatives) < num_negatives:
            continue
        for positive in example.positives:
            passages = [positive, *example.negatives[:num_negatives]]
            yield {
                "query_id": example.query_id,
                "document_ids": [passage.id for passage in passages],
                "scores": [passage.teacher_score for passage in passages],
            }
