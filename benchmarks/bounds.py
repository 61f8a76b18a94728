"""Time and memory of `mine_hard_negatives` on datasets of awkward shapes.

    python -m benchmarks.bounds [--only "NAME;..."]

Each shape runs in a process of its own, beside the ordinary dataset that it is compared with: what
is awkward must cost little more than that. The model is a BERT of two layers with random weights,
so that what is measured is everything but the model.
"""

import argparse
import contextlib
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import describe_machine, print_table

Dataset = tuple[list[dict], list[dict], list[dict], dict]
WORDS = 4_000


def text(generator: np.random.Generator, words: int) -> str:
    """Random words."""
    return " ".join(f"word{i}" for i in generator.integers(0, WORDS, words))


def plain(
    documents: int = 1_000, queries: int = 200, *, words: int = 40, settings: dict | None = None
) -> Dataset:
    """Random texts; each query is the beginning of the document that answers it."""
    generator = np.random.default_rng(0)
    corpus = [{"id": f"d{i}", "text": text(generator, words)} for i in range(documents)]
    asked = [
        {"id": f"q{i}", "text": " ".join(corpus[i % documents]["text"].split()[:12]) + f" {i}"}
        for i in range(queries)
    ]
    qrels = [{"query_id": f"q{i}", "doc_id": f"d{i % documents}"} for i in range(queries)]
    return corpus, asked, qrels, settings or {}


def long_document(megabytes: int) -> Dataset:
    """One document of so many megabytes among 1,000."""
    corpus, queries, qrels, settings = plain()
    piece = corpus[0]["text"] + " "
    corpus[0]["text"] = piece * ((megabytes << 20) // len(piece))
    return corpus, queries, qrels, settings


def near_duplicates_on(dataset: Dataset) -> Dataset:
    """The same with the filter of near-duplicates."""
    corpus, queries, qrels, settings = dataset
    return corpus, queries, qrels, {**settings, "filters": {"near_duplicate_overlap": 0.8}}


def queries_of_texts(texts: int) -> Dataset:
    """10,000 queries that have so many different texts, and an answer each."""
    corpus, queries, qrels, settings = plain(12_000, 10_000)
    for i, query in enumerate(queries):
        query["text"] = queries[i % texts]["text"]
    return corpus, queries, qrels, {**settings, "filters": {}}


def equal_documents(share: float) -> Dataset:
    """20,000 documents, of which a part have one text."""
    corpus, queries, qrels, _ = plain(20_000, 2_000)
    for document in corpus[int(len(corpus) * (1 - share)) :]:
        document["text"] = corpus[-1]["text"]
    return corpus, queries, qrels, {"search": {"memory_mb": 64}}


def many_positives(count: int) -> Dataset:
    """10,000 documents, of which one query has so many positives."""
    corpus, queries, qrels, settings = plain(10_000, 2_000)
    qrels += [{"query_id": "q0", "doc_id": f"d{i}"} for i in range(5_000, 5_000 + count)]
    return corpus, queries, qrels, settings


def near_duplicates(copies: bool) -> Dataset:
    """4,000 documents, 1,000 of them positives, that differ in a word at the end or altogether."""
    corpus, queries, qrels, _ = plain(6_000, 1_000)
    if copies:  # the other 2,000 can be negatives
        for i, document in enumerate(corpus[:4_000]):
            document["text"] = f"{corpus[0]['text']} number{i}"
    return corpus, queries, qrels, {"filters": {"near_duplicate_overlap": 0.8}}


def splits(count: int) -> Dataset:
    """2,000 queries in so many splits."""
    corpus, queries, qrels, settings = plain(2_000, 2_000)
    for i, qrel in enumerate(qrels):
        qrel["split"] = "train" if i % 2 else f"split{i % count}"
    return corpus, queries, qrels, settings


SHAPES: dict[str, tuple[Callable[[], Dataset], Callable[[], Dataset]]] = {
    "a document of 100 MB": (lambda: long_document(100), plain),
    "a document of 100 MB, near-duplicates filtered": (
        lambda: near_duplicates_on(long_document(100)),
        lambda: near_duplicates_on(plain()),
    ),
    "10,000 equal queries": (lambda: queries_of_texts(1), lambda: queries_of_texts(10_000)),
    "a third of the documents equal": (lambda: equal_documents(1 / 3), lambda: equal_documents(0)),
    "a query with 5,000 positives": (lambda: many_positives(5_000), lambda: many_positives(1)),
    "near-duplicates by the thousand": (
        lambda: near_duplicates(True),
        lambda: near_duplicates(False),
    ),
    "2,000 splits": (lambda: splits(2_000), lambda: splits(2)),
}


def mine(name: str, awkward: bool, model: str, result: Any) -> None:
    """Mine one dataset with all its files, and hand on what it took."""
    import torch

    from hn_assets import mine_hard_negatives

    torch.set_num_threads(2)
    shape, ordinary = SHAPES[name]
    with tempfile.TemporaryDirectory() as scratch:
        # In a folder, as other tables would be in memory beside what is measured.
        corpus, queries, qrels, settings = (shape if awkward else ordinary)()
        raw = Path(scratch) / "raw"
        write_beir(raw, corpus, queries, qrels)
        del corpus, queries, qrels
        reset_peak()
        start = time.perf_counter()
        mined = mine_hard_negatives(
            raw,
            settings={
                "encoding": {"model": model, "pooling": "mean"},
                "compute": {"precision": "float32"},
                "mining": {"plan": "settings"},
                **settings,
            },
            folder=Path(scratch) / "out",
            export=True,
        )
        seconds = time.perf_counter() - start
        stages = {stage: told["peak_memory_mib"] for stage, told in mined.report.items()}
        # Each stage lets the peak start anew.
        peak = max(peak_mib(), *stages.values())
        result.put((seconds, peak, len(mined.negatives), stages))


def write_beir(folder: Path, corpus: list[dict], queries: list[dict], qrels: list[dict]) -> None:
    """Write a dataset in BEIR layout."""
    (folder / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", corpus), ("queries", queries)):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps({"_id": row["id"], "text": row["text"]}) + "\n")
    by_split: dict[str, list[str]] = {}
    for row in qrels:
        line = f"{row['query_id']}\t{row['doc_id']}\t1\n"
        by_split.setdefault(row.get("split", "train"), []).append(line)
    for split, lines in by_split.items():
        content = "query-id\tcorpus-id\tscore\n" + "".join(lines)
        (folder / "qrels" / f"{split}.tsv").write_text(content, encoding="utf-8")


def reset_peak() -> None:
    """Let the peak of this process start anew, so that making the dataset does not count."""
    # Without it the peak includes the making of the dataset.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    """The most memory since `reset_peak`, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().split("\n")
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    from hn_assets_tests.small_models import make_tiny_bert

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="shapes, by parts of their names, with ; between")
    options = parser.parse_args()
    parts = options.only.split(";") if options.only else [""]
    wanted = [name for name in SHAPES if any(part in name for part in parts)]
    rows: list[tuple[object, ...]] = []
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as scratch:
        model = str(make_tiny_bert(Path(scratch) / "model"))
        for name in wanted:
            for awkward in (False, True):
                result = context.SimpleQueue()
                process = context.Process(target=mine, args=(name, awkward, model, result))
                process.start()
                process.join()
                if process.exitcode:
                    rows.append((name if awkward else "without", "failed", "", ""))
                    continue
                seconds, peak, negatives, stages = result.get()
                rows.append(
                    (
                        name if awkward else f"{name}: without",
                        f"{seconds:.1f}",
                        f"{peak:,.0f}",
                        f"{negatives:,}",
                    )
                )
                print(*rows[-1], "peak after each stage:", stages, flush=True)
    print(describe_machine())
    print_table("awkward shapes", ("shape", "seconds", "peak MiB", "negatives"), rows)


if __name__ == "__main__":
    main()
