"""The files of a small refresh, written as the stages write them, with made-up contents."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.evaluation.checks.base.result import CheckVerdict
from hn_assets.evaluation.drift import Drift, write_drift
from hn_assets.evaluation.retrieval_quality import MEASURES
from hn_assets.report.example_queries import collect_examples
from hn_assets.report.summary import RefreshSummary, ReportFiles, collect_summary
from hn_assets.store import DatasetStore, layout, schemas
from hn_assets.store.layout import StageFile

MARKUP = "<script>alert('a text of the corpus')</script>"
MINED = {"queries": 3, "queries_with_enough": 2, "queries_left_short": 1, "negatives": 4}
DRIFT = Drift(
    documents_added=12,
    documents_removed=1,
    documents_changed=3,
    queries_gained=2,
    queries_lost=0,
    queries_kept=3,
    overlap=0.875,
    negative_shift=-0.0123,
    positive_shift=0.004,
)
VERDICTS = [
    CheckVerdict("corpus", "ids_are_unique", "passed", "each has an id of its own"),
    CheckVerdict("candidates", "positives_are_found", "accepted", "2.0% of <them> were found"),
    CheckVerdict("false_negative_audit", "false_negative_rate", "warned", "it is above 0.1%"),
]

_METHODS = [
    # method, what varies, target, hardness; rate, its interval, negatives; mean score, full queries
    ("these settings", "", 0.01, 1, 0.008, 0.006, 0.011, 900, 0.45, 0.98),
    ("target 0.001", "target", 0.001, 1, 0.0008, 0.0, 0.002, 800, 0.38, 0.9),
    ("target 0.05", "target", 0.05, 1, 0.041, 0.03, 0.052, 1000, 0.52, 1.0),
    ("hardness 0.5", "hardness", 0.01, 0.5, 0.007, 0.005, 0.01, 900, 0.41, 1.0),
    ("top 4", "", None, 1, 0.062, 0.05, 0.075, 1000, 0.55, 1.0),
    ("hn_mine, ranks 10-210 at random", "", None, None, 0.01, 0.007, 0.014, 1000, 0.39, 1.0),
    ("nobody's method", "", None, None, None, None, None, 0, None, 0.0),
]


def write_methods(path: Path, measured: bool = True) -> pd.DataFrame:
    """Write the table of a false-negative audit; without `measured`, nothing was measured."""
    names = ["method", "varies", "target", "hardness", "rate", "rate_low", "rate_high"]
    names += ["negatives", "mean_score", "full_query_share"]
    methods = pd.DataFrame(_METHODS, columns=names).assign(random_share=0.2)
    numbers = ("target", "hardness", "rate", "mean_score")
    methods = methods.astype(dict.fromkeys(numbers, float))
    if not measured:
        methods["negatives"] = 0
    methods.to_parquet(path)
    return methods


def write_corpus(path: Path) -> None:
    rows = [{"id": f"d{n}", "title": "", "text": f"the passage {n}"} for n in range(40)]
    rows[0]["text"] = MARKUP
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.CORPUS), path)


def write_queries(path: Path) -> None:
    rows = [
        {"id": f"q{n}", "text": f"what is <{n}> & why", "split": "train", "prompt": None}
        for n in range(3)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.QUERIES), path)


def write_qrels(path: Path) -> None:
    rows = [
        {"query_id": f"q{n}", "doc_id": doc, "score": 1, "split": "train"}
        for n in range(3)
        for doc in ("d0", f"d{n + 1}")
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.QRELS), path)


def write_hard_negatives(path: Path) -> None:
    """Four negatives for each query, from rank 5 on, judged against two positives."""
    rows = [
        {
            "query_id": f"q{query}",
            "doc_id": f"d{20 + rank}",
            "source": "dense",
            "rank": rank,
            "score": 0.6 - rank / 50 + query / 100,
            "margin": -0.2,
            "positive_similarity": 0.5,
            "probability": None,
            "teacher": None,
            "positive_ids": ["d0", f"d{query + 1}"],
            "positive_scores": [0.9 - query / 10, 0.7],
        }
        for query in range(3)
        for rank in range(5, 9)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.HARD_NEGATIVES), path)


def write_ledger(path: Path) -> None:
    """Twelve candidates for each query, in the order of their ranks."""
    outcomes = ["positive", "others were taken", "text of the query", "repeated text", "positive"]
    outcomes += ["chosen"] * 4 + ["others were taken"] * 3
    rows = [
        {"query_id": f"q{query}", "doc_id": f"d{20 + rank}", "rank": rank, "score": 0.5}
        | {"outcome": outcome, "margin": -0.2, "positive_similarity": 0.5}
        for query in range(3)
        for rank, outcome in enumerate(outcomes)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.LEDGER), path)


def history(refreshes: int = 3) -> list[dict[str, Any]]:
    """Measurements that get better from refresh to refresh."""
    return [
        {"time": f"2025-03-{n + 1:02}T06:00:00+00:00", "queries": 9, "depth": 100}
        | {name: 0.5 + n / 50 + place / 20 for place, name in enumerate(MEASURES)}
        for n in range(refreshes)
    ]


def write_files(folder: Path, measured: bool = True, drift: Drift | None = DRIFT) -> ReportFiles:
    """Write all files that the page is made from."""
    files = ReportFiles(
        corpus=folder / layout.CORPUS.name,
        queries=folder / layout.QUERIES.name,
        hard_negatives=folder / layout.HARD_NEGATIVES.name,
        ledger=folder / layout.LEDGER.name,
        audit=folder / layout.FALSE_NEGATIVE_AUDIT.name,
        drift=folder / layout.DRIFT.name,
        calibration=None,
    )
    write_corpus(files.corpus)
    write_queries(files.queries)
    write_hard_negatives(files.hard_negatives)
    write_ledger(files.ledger)
    write_methods(files.audit, measured)
    write_drift(files.drift, drift)
    return files


def make_summary(folder: Path, **changes: Any) -> RefreshSummary:
    """The summary of the small refresh, with some of its fields changed."""
    files = write_files(folder)
    summary = collect_summary(
        files,
        mined=MINED,
        history=history(),
        ndcg_before=0.53,
        verdicts=VERDICTS,
        examples=collect_examples(files.corpus, files.queries, files.hard_negatives, files.ledger),
    )
    rng = np.random.default_rng(0)
    drawn = {
        "positive_scores": rng.normal(0.7, 0.1, 500).astype(np.float32),
        "negative_scores": rng.normal(0.45, 0.08, 3000).astype(np.float32),
        "ranks": rng.integers(0, 210, 3000, dtype=np.int32),
    }
    return replace(summary, **{**drawn, **changes})


def publish(
    store: DatasetStore, stage_file: StageFile, content: bytes, info: Mapping[str, Any] = {}
) -> None:
    """Publish a stage of one file."""
    with store.stage(stage_file.stage).publish() as draft:
        draft.path(stage_file.name).write_bytes(content)
        draft.info.update(info)


def publish_dataset(root: Path) -> DatasetStore:
    """A store with everything that the training files of the small refresh are made from."""
    store, folder = DatasetStore(root / "data", "toy"), root / "written"
    folder.mkdir()
    for stage_file, write in (
        (layout.CORPUS, write_corpus),
        (layout.QUERIES, write_queries),
        (layout.QRELS, write_qrels),
        (layout.HARD_NEGATIVES, write_hard_negatives),
    ):
        path = folder / stage_file.name
        write(path)
        publish(store, stage_file, path.read_bytes())
    publish(store, layout.TRAINING_SET, b"ids", {"split": "train", "include_title": True})
    return store


def publish_audit(store: DatasetStore, folder: Path, measured: bool = True) -> None:
    """Publish a false-negative audit with its picture."""
    path = folder / layout.FALSE_NEGATIVE_AUDIT.name
    write_methods(path, measured)
    with store.stage(layout.FALSE_NEGATIVE_AUDIT.stage).publish() as draft:
        draft.path(layout.FALSE_NEGATIVE_AUDIT.name).write_bytes(path.read_bytes())
        if measured:
            draft.path(layout.AUDIT_CHART.name).write_bytes(b"PNG")


def publish_missing_labels(store: DatasetStore, folder: Path) -> None:
    """Publish six likely missing labels."""
    rows = [
        {"query_id": f"q{n % 3}", "doc_id": f"d{n}", "relevance_estimate": 0.9 - n / 10}
        | {"query": f"the query {n}", "passage": "a long passage " * 20, "rank": n}
        for n in range(6)
    ]
    path = folder / layout.LIKELY_MISSING_LABELS.name
    pq.write_table(pa.Table.from_pylist(rows, schema=schemas.LIKELY_MISSING), path)
    publish(store, layout.LIKELY_MISSING_LABELS, path.read_bytes())


def publish_calibration(store: DatasetStore, calibration: Mapping[str, Any]) -> None:
    """Publish a calibration."""
    publish(store, layout.CALIBRATION, json.dumps(calibration).encode())
