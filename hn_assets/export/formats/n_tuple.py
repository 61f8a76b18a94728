"""The format `n-tuple`."""

from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from hn_assets.export.base.examples import Examples
from hn_assets.export.base.format import ExportContext, Format, WrittenFiles
from hn_assets.export.base.row_files import write_parquet

SCORES = ("scores", pa.list_(pa.float32()))


class NTuple(Format):
    """Parquet with a row for every positive of a query, and a column for each negative.

    The scores are that of the positive, then those of the negatives. Every row has as many
    negatives as were asked for: queries with fewer are left out.
    """

    name: ClassVar = "n-tuple"
    description: ClassVar = "Parquet, a row for every positive, a column for each negative"
    files: ClassVar = {"n-tuple.parquet": "`anchor`, `positive`, `negative_1` to `negative_n`"}
    with_teacher: ClassVar = "`scores` as well"
    read_by: ClassVar = (
        "sentence-transformers: `MultipleNegativesRankingLoss`; with a teacher `DistillKLDivLoss`"
    )

    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write the queries that have all negatives that were asked for."""
        width = context.num_negatives
        names = [f"negative_{i}" for i in range(1, width + 1)]
        rows = (
            {
                "anchor": example.query,
                "positive": positive.text,
                **{name: p.text for name, p in zip(names, example.negatives, strict=False)},
                "scores": [p.teacher_score for p in (positive, *example.negatives[:width])],
            }
            for example in examples
            if len(example.negatives) >= width
            for positive in example.positives
        )
        columns = [(name, pa.string()) for name in ("anchor", "positive", *names)]
        schema = pa.schema([*columns, SCORES] if examples.has_teacher else columns)
        (name,) = self.files
        return WrittenFiles(
            {name: write_parquet(folder / name, schema, rows)},
            queries_left_out=examples.count_short(width),
        )
