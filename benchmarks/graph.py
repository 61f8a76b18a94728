"""The whole job, raw files to training files, beside what people use today.

    python -m benchmarks.graph FOLDER [--documents N] [--peers ours,hn_mine-32]

Contenders: `ours` (`dagster asset materialize` of a project with one YAML file), `hn_mine-32` and
`hn_mine-256` (hn_mine's procedure with FlagEmbedding's encoder at these batch sizes: encode, search
in blocks of 64 queries, 15 of the ranks 10-210, texts of positives left out, shortages filled at
random), `mine` and `mine-faiss` (sentence_transformers.util.mine_hard_negatives). Interpreter
starts, imports and model loading are counted for all. all-MiniLM-L6-v2, 256 tokens.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.measure import (
    child,
    describe_machine,
    materialize,
    peak_memory_mib,
    print_table,
    rounds,
    write_project,
)
from benchmarks.scale import write_subset

RANKS, WANTED, BLOCK = (10, 210), 15, 64


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, help="so many, evenly spread; default: all")
    parser.add_argument("--peers", default="ours,hn_mine-32,hn_mine-256,mine,mine-faiss")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder.resolve()
        if options.documents:
            folder = Path(scratch) / "raw"
            write_subset(options.folder, folder, options.documents)
        contenders = {
            name: {"who": name, "folder": str(folder)} for name in options.peers.split(",")
        }
        results = rounds("benchmarks.graph", contenders, options.rounds)
    ours = results["ours"]["seconds"]
    print_table(
        f"Raw files to training files: {options.folder.name}, "
        f"{options.documents or 'all'} documents. {describe_machine()}",
        ["contender", "seconds", "hn_assets is", "peak memory, MiB", "queries", "negatives"],
        [
            (
                name,
                f"{found['seconds']:.0f}",
                f"{found['seconds'] / ours:.2f}x",
                found["memory"],
                found["queries"],
                found["negatives"],
            )
            for name, found in results.items()
        ],
    )


def measure(who: str, folder: str) -> dict[str, Any]:
    """Run one contender from its start to its files."""
    with tempfile.TemporaryDirectory() as scratch:
        if who == "ours":
            place = Path(scratch)
            source = {"type": "beir", "folder": folder}
            # the window of hn_mine, as the other side has it
            write_project(place, "bench", {"source": source, "mining": {"plan": "settings"}})
            seconds = materialize(place, "bench")
            from benchmarks.measure import metadata

            found = metadata(place, "bench", "training_set")
            return {
                "seconds": seconds,
                "memory": found["peak_memory_mib"],
                "queries": found["queries"],
                "negatives": found["negatives"],
            }
        start = time.perf_counter()
        out = Path(scratch) / "train.jsonl"
        report = child("benchmarks.graph", who=f"inner {who}", folder=folder, out=str(out))
        return {**report, "seconds": time.perf_counter() - start}


def inner(who: str, folder: str, out: str) -> dict[str, Any]:
    """The peer's work, in a process that does nothing else."""
    corpus, queries, positives = read(Path(folder))
    method, _, batch = who.removeprefix("inner ").partition("-")
    mine = hn_mine if method == "hn_mine" else mine_hard_negatives
    rows = mine(corpus, queries, positives, batch)
    with Path(out).open("w") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return {
        "memory": peak_memory_mib(),
        "queries": len(rows),
        "negatives": sum(len(row["neg"]) for row in rows),
    }


def read(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, list[str]]]:
    """Titles with texts, training queries, and their positives."""
    positives: dict[str, list[str]] = defaultdict(list)
    for line in (folder / "qrels" / "train.tsv").read_text().splitlines()[1:]:
        query, doc, score = line.split("\t")
        if int(score) > 0:
            positives[query].append(doc)
    with (folder / "corpus.jsonl").open() as file:
        corpus = {r["_id"]: f"{r['title']} {r['text']}".strip() for r in map(json.loads, file)}
    with (folder / "queries.jsonl").open() as file:
        queries = {r["_id"]: r["text"] for r in map(json.loads, file) if r["_id"] in positives}
    return corpus, queries, positives


def hn_mine(
    corpus: dict[str, str], queries: dict[str, str], positives: dict[str, list[str]], batch: str
) -> list[dict[str, Any]]:
    """What hn_mine does, step by step, with FlagEmbedding's encoder and FAISS."""
    import faiss
    import numpy as np
    import torch
    from FlagEmbedding import FlagAutoModel

    from hn_assets.encoding.models.model import bundled_model_folder

    on_gpu = torch.cuda.is_available()
    model = FlagAutoModel.from_finetuned(
        str(bundled_model_folder()),
        model_class="encoder-only-base",
        pooling_method="mean",
        use_fp16=on_gpu,
        devices=["cuda:0" if on_gpu else "cpu"],
        query_max_length=256,
        passage_max_length=256,
    )
    texts = list(corpus.values())
    vectors = np.asarray(model.encode_corpus(texts, batch_size=int(batch)), np.float32)
    asked = np.asarray(
        model.encode_queries(list(queries.values()), batch_size=int(batch)), np.float32
    )
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)  # type: ignore[call-arg]
    found = np.concatenate(
        [
            index.search(asked[i : i + BLOCK], RANKS[1])[1]  # type: ignore[call-arg]
            for i in range(0, len(asked), BLOCK)
        ]
    )
    rows: list[dict[str, Any]] = []
    for (query, text), ranked in zip(queries.items(), found, strict=True):
        answers = [corpus[doc] for doc in positives[query] if doc in corpus]
        left = [texts[row] for row in ranked[RANKS[0] : RANKS[1]]]
        left = [passage for passage in left if passage not in answers and passage != text]
        chosen = random.sample(left, min(WANTED, len(left)))
        chosen += random.sample(texts, WANTED - len(chosen))
        rows.append({"query": text, "pos": answers, "neg": chosen})
    return rows


def mine_hard_negatives(
    corpus: dict[str, str], queries: dict[str, str], positives: dict[str, list[str]], batch: str
) -> list[dict[str, Any]]:
    """sentence-transformers' own function, with FAISS where `batch` says so."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import mine_hard_negatives as theirs

    from hn_assets.encoding.models.model import bundled_model_folder

    model = SentenceTransformer(str(bundled_model_folder()))
    model.max_seq_length = 256
    pairs = [
        {"anchor": queries[query], "positive": corpus[doc]}
        for query in queries
        for doc in positives[query]
        if doc in corpus
    ]
    mined = theirs(
        Dataset.from_list(pairs),
        model,
        corpus=list(corpus.values()),
        range_min=RANKS[0],
        range_max=RANKS[1],
        num_negatives=WANTED,
        sampling_strategy="random",
        output_format="n-tuple",
        use_faiss=batch == "faiss",
        verbose=False,
    )
    names = [name for name in mined.column_names if name.startswith("negative")]
    return [
        {"query": row["anchor"], "pos": [row["positive"]], "neg": [row[name] for name in names]}
        for row in mined
        if isinstance(row, dict)
    ]


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        given = json.loads(sys.argv[2])
        print(json.dumps((inner if given["who"].startswith("inner ") else measure)(**given)))
    else:
        main()
