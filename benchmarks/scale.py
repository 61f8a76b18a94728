"""What a document costs in small and large corpora, and how much memory each step takes.

    python -m benchmarks.scale FOLDER [--sizes 1000,10000,100000] [--keep PLACE]

FOLDER is in BEIR layout. Each size is so many documents, evenly spread, with the queries they
answer, through `dagster asset materialize` of a project of its own. Sizes below 10,000 are the
median of three runs from nothing, larger ones are run once.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.measure import (
    describe_machine,
    materialize,
    metadata,
    print_table,
    write_project,
)

STAGES = (
    "corpus_embeddings",
    "faiss_index",
    "candidates",
    "hard_negatives",
    "false_negative_audit",
    "likely_missing_labels",
    "training_set",
)
ONCE_FROM = 10_000


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--keep", type=Path, help="where to leave the projects")
    options = parser.parse_args()
    costs: list[tuple[object, ...]] = []
    memory: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        for size in map(int, options.sizes.split(",")):
            one = place / str(size)
            documents, queries = write_subset(options.folder, one / "raw", size)
            source = {"type": "beir", "folder": str((one / "raw").resolve())}
            attributes = {"source": source, "mining": {"plan": "settings"}}
            write_project(one, "scale", attributes, in_process=False)
            runs: list[tuple[float, dict]] = []
            for _ in range(1 if size >= ONCE_FROM else 3):
                shutil.rmtree(one / "data", ignore_errors=True)
                seconds = materialize(one, "scale")
                runs.append((seconds, metadata(one, "scale", "corpus_embeddings")))
                print(size, round(seconds, 1), runs[-1][1]["encoding_seconds"], flush=True)
            wall = statistics.median(seconds for seconds, _ in runs)
            encoding = statistics.median(found["encoding_seconds"] for _, found in runs)
            tokens = runs[0][1]["tokens"]
            costs.append(
                (
                    f"{documents:,}",
                    f"{queries:,}",
                    f"{tokens / documents:.0f}",
                    f"{1000 * encoding / documents:.2f}",
                    f"{tokens / encoding:,.0f}",
                    f"{wall:.0f}",
                    f"{1000 * wall / documents:.1f}",
                )
            )
            peaks = [metadata(one, "scale", stage)["peak_memory_mib"] for stage in STAGES]
            index = metadata(one, "scale", "faiss_index")["index_bytes"] >> 20
            memory.append((f"{documents:,}", *peaks, index))
    print_table(
        f"Cost against size. {describe_machine()}",
        [
            "documents",
            "queries",
            "tokens each",
            "encoding, ms per document",
            "tokens/s",
            "whole run, s",
            "whole run, ms per document",
        ],
        costs,
    )
    print_table("Peak memory of each step, MiB", ["documents", *STAGES, "index"], memory)


def write_subset(folder: Path, target: Path, size: int) -> tuple[int, int]:
    """`size` documents, evenly spread, and the queries that one of them answers."""
    (target / "qrels").mkdir(parents=True, exist_ok=True)
    lines = (folder / "corpus.jsonl").read_text().splitlines(keepends=True)
    lines = [lines[i * len(lines) // size] for i in range(min(size, len(lines)))]
    (target / "corpus.jsonl").write_text("".join(lines))
    kept = {json.loads(line)["_id"] for line in lines}
    asked: set[str] = set()
    for name in ("train.tsv", "test.tsv"):
        header, *lines = (folder / "qrels" / name).read_text().splitlines()
        lines = [line for line in lines if line.split("\t")[1] in kept]
        asked.update(line.split("\t")[0] for line in lines)
        (target / "qrels" / name).write_text("\n".join([header, *lines]) + "\n")
    with (folder / "queries.jsonl").open() as source, (target / "queries.jsonl").open("w") as out:
        out.writelines(line for line in source if json.loads(line)["_id"] in asked)
    return len(kept), len(asked)


if __name__ == "__main__":
    main()
