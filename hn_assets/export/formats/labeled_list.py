"""The format `labeled-list`."""

from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from hn_assets.export.base.examples import Examples
from hn_assets.export.base.format import ExportContext, Format, WrittenFiles
from hn_assets.export.base.row_files import write_parquet

COLUMNS = [("anchor", pa.string()), ("passages", pa.list_(pa.string()))]
LABELS, SCORES = ("labels", pa.list_(pa.int64())), ("scores", pa.list_(pa.float32()))


class LabeledList(Format):
    """Parquet with a row for every positive of a query: the positive, then all the negatives.

    As in sentence-transformers' `mine_hard_negatives`, exactly one passage of a row has the label
    1.
    """

    name: ClassVar = "labeled-list"
    description: ClassVar = "Parquet, a row for every positive, followed by the negatives"
    files: ClassVar = {"labeled-list.parquet": "`anchor`, `passages`, `labels`"}
    with_teacher: ClassVar = "`scores` in place of `labels`"
    read_by: ClassVar = "sentence-transformers' `CrossEncoder`: `ListNetLoss`, `LambdaLoss`"

    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write a list for each positive."""
        rows = (
            {
                "anchor": example.query,
                "passages": [positive.text, *(passage.text for passage in example.negatives)],
                "labels": [1] + [0] * len(example.negatives),
                "scores": [p.teacher_score for p in (positive, *example.negatives)],
            }
            for example in examples
            for positive in example.positives
        )
        schema = pa.schema([*COLUMNS, SCORES if examples.has_teacher else LABELS])
        (name,) = self.files
        return WrittenFiles({name: write_parquet(folder / name, schema, rows)})
