"""The format `triplet`."""

from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from hn_assets.export.base.examples import Examples
from hn_assets.export.base.format import ExportContext, Format, WrittenFiles
from hn_assets.export.base.row_files import write_parquet

COLUMNS = [(name, pa.string()) for name in ("anchor", "positive", "negative")]
SCORES = ("scores", pa.list_(pa.float32()))


class Triplet(Format):
    """Parquet with a row for every positive and negative of a query.

    The scores are those of the positive and of the negative, in this order.
    """

    name: ClassVar = "triplet"
    description: ClassVar = "Parquet, a row for every positive with every negative"
    files: ClassVar = {"triplet.parquet": "`anchor`, `positive`, `negative`"}
    with_teacher: ClassVar = "`scores` as well"
    read_by: ClassVar = (
        "sentence-transformers: `MultipleNegativesRankingLoss`, `TripletLoss`; with a teacher "
        "`MarginMSELoss`"
    )

    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write all combinations of a positive and a negative of the same query."""
        rows = (
            {
                "anchor": example.query,
                "positive": positive.text,
                "negative": negative.text,
                "scores": [positive.teacher_score, negative.teacher_score],
            }
            for example in examples
            for positive in example.positives
            for negative in example.negatives
        )
        schema = pa.schema([*COLUMNS, SCORES] if examples.has_teacher else COLUMNS)
        (name,) = self.files
        return WrittenFiles({name: write_parquet(folder / name, schema, rows)})
