"""BM25 over a corpus, beside bm25s alone: seconds, memory, and the same documents found.

    python -m benchmarks.bm25 FOLDER [--queries 20000] [--depth 210] [--rounds 3]

FOLDER is in BEIR layout. Counted is everything between the texts in memory or in Parquet files and
the rankings: words, index and search, and for hn_assets the file of candidates as well. bm25s is
used as its documentation says, with the same stemmer and stop words; its backend with Numba, which
it does not require, takes part if Numba is installed.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import describe_machine, peak_memory_mib, print_table, rounds
from hn_assets.retrievers import RetrieverInputs
from hn_assets.retrievers.kinds.bm25 import Bm25Settings
from hn_assets.sources.kinds.beir import BeirSettings
from hn_assets.store import schemas
from hn_assets.text import passage_text

COLUMNS = [
    "contender",
    "words and index, s",
    "search, s",
    "all, s",
    "of hn_assets",
    "CPU, s",
    "peak memory, MiB",
    "sum of the scores found",
]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--depth", type=int, default=210)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    contenders = ["hn_assets", "bm25s"]
    if importlib.util.find_spec("numba"):
        contenders.append("bm25s with Numba")
    with tempfile.TemporaryDirectory() as folder:
        documents, queries = write_tables(options.folder, Path(folder), options.queries)
        given = {"folder": folder, "depth": options.depth}
        results = rounds(
            "benchmarks.bm25", {name: {"who": name, **given} for name in contenders}, options.rounds
        )
    ours = results["hn_assets"]
    print_table(
        f"{queries:,} queries over {documents:,} documents of {options.folder.name}, depth "
        f"{options.depth}. {describe_machine()}",
        COLUMNS,
        [
            (
                name,
                f"{found['index']:.1f}",
                f"{found['all'] - found['index']:.1f}",
                f"{found['all']:.1f}",
                f"{found['all'] / ours['all']:.2f}x",
                f"{found['cpu']:.1f}",
                found["memory"],
                f"{found['scores']:.2f}",
            )
            for name, found in results.items()
        ],
    )


def write_tables(source: Path, folder: Path, most: int) -> tuple[int, int]:
    """Write a BEIR folder as the tables that retrievers read; return how many rows they have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    opened = BeirSettings(type="beir", folder=str(source)).open(Path())
    corpus = [row[:3] for row in opened.documents()]
    queries = [(row.id, row.text, "train", None) for row in opened.queries()][:most]
    for name, schema, rows in (
        ("corpus", schemas.CORPUS, corpus),
        ("queries", schemas.QUERIES, queries),
    ):
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*rows, strict=True), schema, strict=True)
        ]
        pq.write_table(pa.table(columns, schema=schema), folder / f"{name}.parquet")
    return len(corpus), len(queries)


def measure(who: str, folder: str, depth: int) -> dict[str, Any]:
    """Rank once."""
    inputs = Path(folder)
    ranked = by_hn_assets(inputs, depth) if who == "hn_assets" else by_bm25s(who, inputs, depth)
    return {**ranked, "memory": peak_memory_mib()}


def by_hn_assets(folder: Path, depth: int) -> dict[str, float]:
    """Rank by the retriever."""
    import pyarrow.parquet as pq

    start, cpu = time.perf_counter(), time.process_time()
    indexed: list[float] = []

    def log(message: str) -> None:
        if message.startswith("counted"):
            indexed.append(time.perf_counter() - start)

    inputs = RetrieverInputs(folder, folder / "corpus.parquet", folder / "queries.parquet", log=log)
    Bm25Settings(type="bm25").retrieve(inputs, folder / "candidates.parquet", depth)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    scores = pq.read_table(folder / "candidates.parquet", columns=["score"])["score"].to_numpy()
    total = float(scores.sum(dtype=np.float64))
    return {"index": indexed[-1], "all": seconds, "cpu": cpu, "scores": total}


def by_bm25s(who: str, folder: Path, depth: int) -> dict[str, float]:
    """Rank by bm25s alone."""
    import bm25s
    import Stemmer

    texts = [
        passage_text(row["title"], row["text"], include_title=True)
        for row in schemas.read_rows(folder / "corpus.parquet", ["title", "text"])
    ]
    asked = [row["text"] for row in schemas.read_rows(folder / "queries.parquet", ["text"])]
    start, cpu = time.perf_counter(), time.process_time()
    cut: dict[str, Any] = {"stemmer": Stemmer.Stemmer("english"), "show_progress": False}
    tool = bm25s.BM25(backend="numba" if "Numba" in who else "numpy")
    tool.index(bm25s.tokenize(texts, **cut), show_progress=False)
    indexed = time.perf_counter() - start
    _, scores = tool.retrieve(bm25s.tokenize(asked, **cut), k=depth, show_progress=False)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    total = float(np.asarray(scores).sum(dtype=np.float64))
    return {"index": indexed, "all": seconds, "cpu": cpu, "scores": total}


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
