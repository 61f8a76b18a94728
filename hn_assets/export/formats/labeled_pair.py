"""The format `labeled-pair`."""

from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from hn_assets.export.base.examples import Examples
from hn_assets.export.base.format import ExportContext, Format, WrittenFiles
from hn_assets.export.base.row_files import write_parquet

COLUMNS = [("anchor", pa.string()), ("passage", pa.string())]
LABEL, SCORE = ("label", pa.int64()), ("score", pa.float32())


class LabeledPair(Format):
    """Parquet with a row for every passage of a query; the label is 1 for a positive, else 0."""

    name: ClassVar = "labeled-pair"
    description: ClassVar = "Parquet, a row for every passage of a query, with its label"
    files: ClassVar = {"labeled-pair.parquet": "`anchor`, `passage`, `label`"}
    with_teacher: ClassVar = "`score` in place of `label`"
    read_by: ClassVar = "sentence-transformers: `ContrastiveLoss`; with a teacher `CoSENTLoss`"

    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write the positives of each query, then its negatives."""
        rows = (
            {
                "anchor": example.query,
                "passage": passage.text,
                "label": label,
                "score": passage.teacher_score,
            }
            for example in examples
            for label, passages in ((1, example.positives), (0, example.negatives))
            for passage in passages
        )
        schema = pa.schema([*COLUMNS, SCORE if examples.has_teacher else LABEL])
        (name,) = self.files
        return WrittenFiles({name: write_parquet(folder / name, schema, rows)})
