"""A small set of inputs for the export, to be changed by tests before it is written."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.export.formats import FORMATS
from hn_assets.export.writer import ExportReport, export_training_set
from hn_assets.store import schemas

# The rows of `Inputs.negatives` do not give these columns of hard_negatives. Except for the
# teacher's scores, the export does not read them.
NOT_GIVEN = ("source", "margin", "positive_similarity", "probability", "teacher_score")
WITHOUT_TEACHER = [name for name, kind in FORMATS.items() if not kind.needs_teacher]


def read_jsonl(path: Path) -> list[dict]:
    """The objects of a JSON Lines file, whose lines end at a line feed and nothing else."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


class Inputs:
    """The queries p and q can be exported; r has no negatives, and the positive of s is blank."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus = [(f"d{i}", f"Title {i}", f"text {i}") for i in range(8)]
        self.corpus += [("blank", "", " \u200b"), ("odd", "", "line\u2028separator")]
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
        # the teacher's scores by query and document; without any there is no teacher
        self.scores: dict[tuple[str, str], float] = {}

    def write(self) -> dict[str, Path]:
        paths = {}
        for name, schema, rows in (
            ("corpus", schemas.CORPUS, self.corpus),
            ("queries", schemas.QUERIES, self.queries),
            ("qrels", schemas.QRELS, self.qrels),
            ("hard_negatives", schemas.HARD_NEGATIVES, self.negatives),
        ):
            paths[name] = self.folder / f"in-{name}.parquet"
            names = [n for n in schema.names if n not in NOT_GIVEN]
            data: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
            if name == "hard_negatives":
                for row in data:
                    row["teacher_score"] = self.scores.get((row["query_id"], row["doc_id"]))
            pq.write_table(pa.Table.from_pylist(data, schema=schema), paths[name])
        if self.scores:
            relevant = {(query, doc) for query, doc, score, _ in self.qrels if score > 0}
            data = [
                {"query_id": q, "doc_id": d, "label": int((q, d) in relevant), "score": score}
                for (q, d), score in self.scores.items()
            ]
            paths["teacher_scores"] = self.folder / "in-teacher_scores.parquet"
            pq.write_table(
                pa.Table.from_pylist(data, schema=schemas.TEACHER_SCORES), paths["teacher_scores"]
            )
        return paths

    def add_teacher(self) -> None:
        """Give everything that has text a score, the positives a higher one than the negatives."""
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

    def export(self, out: str = "out", formats: list[str] | None = None, **options) -> ExportReport:
        """Write training files to the folder `out`; in all formats that the inputs allow."""
        if formats is None:
            formats = list(FORMATS) if self.scores else WITHOUT_TEACHER
        (self.folder / out).mkdir(exist_ok=True)
        return export_training_set(
            self.folder / out,
            **self.write(),
            **{
                "split": "train",
                "num_negatives": 2,
                "include_title": True,
                "formats": formats,
                **options,
            },
        )
