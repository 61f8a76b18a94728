"""A small set of inputs for the export, to be changed by tests before it is written."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets import tables
from hn_assets.export.export import ExportReport, export_training_set
from hn_assets.export.settings import ExportSettings

# columns of hard_negatives that the export does not read: null here
UNREAD = ("source", "margin", "closeness", "probability")
ALL = ["flagembedding", "triplet", "n-tuple", "labeled-pair", "labeled-list"]


class Inputs:
    """Two mined queries (p, q), one unmined (r), one whose positive is blank (s)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus = [(f"d{i}", f"Title {i}", f"text {i}") for i in range(8)]
        self.corpus += [("blank", "", "  "), ("odd", "", "line\u2028separator")]
        self.queries: list[tuple] = [(q, f"query {q}", "train", None) for q in "pqrs"]
        self.qrels = [
            ("p", "d1", 1, "train"),
            ("p", "d0", 1, "train"),
            ("p", "odd", 3, "train"),
            ("p", "d7", 0, "train"),
            ("q", "d2", 1, "train"),
            ("q", "blank", 1, "train"),
            ("r", "d3", 1, "train"),
            ("s", "blank", 1, "train"),
        ]
        positives = {"p": (["d0", "d1", "odd"], [0.5, 0.75, 1.0]), "q": (["d2"], [0.25])}
        positives["s"] = (["blank"], [0.0])
        self.negatives = [
            ("p", "d5", 12, 0.5, *positives["p"]),
            ("p", "d4", 10, 0.625, *positives["p"]),
            ("q", "d6", 11, 0.375, *positives["q"]),
            ("s", "d6", 11, 0.375, *positives["s"]),
        ]

    def write(self) -> dict[str, Path]:
        paths = {}
        for name, schema, rows in (
            ("corpus", tables.CORPUS, self.corpus),
            ("queries", tables.QUERIES, self.queries),
            ("qrels", tables.QRELS, self.qrels),
            ("hard_negatives", tables.HARD_NEGATIVES, self.negatives),
        ):
            paths[name] = self.folder / f"in-{name}.parquet"
            names = [n for n in schema.names if n not in UNREAD]
            data = [dict(zip(names, row, strict=True)) for row in rows]
            pq.write_table(pa.Table.from_pylist(data, schema=schema), paths[name])
        return paths

    def export(self, out: str = "out", formats: list[str] = ALL, **options) -> ExportReport:
        (self.folder / out).mkdir(exist_ok=True)
        return export_training_set(
            self.folder / out,
            **self.write(),
            **{
                "split": "train",
                "negatives": 2,
                "with_title": True,
                "settings": ExportSettings.model_validate({"formats": formats}),
                **options,
            },
        )
