"""A small set of inputs for the export, to be changed by tests before it is written."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.export.writer import ExportReport, export_training_set
from hn_assets.settings.export import ExportSettings
from hn_assets.store import tables

# columns of hard_negatives that the export does not read: null here
UNREAD = ("source", "margin", "positive_similarity", "probability", "teacher")
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
        # of the teacher, by query and document; none: there is no teacher
        self.scores: dict[tuple[str, str], float] = {}

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
            data: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
            if name == "hard_negatives":
                for row in data:
                    row["teacher"] = self.scores.get((row["query_id"], row["doc_id"]))
            pq.write_table(pa.Table.from_pylist(data, schema=schema), paths[name])
        if self.scores:
            relevant = {(query, doc) for query, doc, score, _ in self.qrels if score > 0}
            data = [
                {"query_id": q, "doc_id": d, "label": int((q, d) in relevant), "score": score}
                for (q, d), score in self.scores.items()
            ]
            paths["teacher_scores"] = self.folder / "in-teacher_scores.parquet"
            pq.write_table(
                pa.Table.from_pylist(data, schema=tables.TEACHER_SCORES), paths["teacher_scores"]
            )
        return paths

    def add_teacher(self) -> None:
        """Scores of everything that has text: 9 down for p's passages, 0.5 for q's negative."""
        self.scores = {
            ("p", "odd"): 9.0,
            ("p", "d0"): 8.0,
            ("p", "d1"): 7.0,
            ("p", "d4"): -1.0,
            ("p", "d5"): -2.0,
            ("q", "d2"): 4.0,
            ("q", "d6"): 0.5,
            ("s", "d6"): 0.25,
        }

    def export(self, out: str = "out", formats: list[str] = ALL, **options) -> ExportReport:
        (self.folder / out).mkdir(exist_ok=True)
        return export_training_set(
            self.folder / out,
            **self.write(),
            **{
                "split": "train",
                "num_negatives": 2,
                "include_title": True,
                "settings": ExportSettings.model_validate({"formats": formats}),
                **options,
            },
        )
