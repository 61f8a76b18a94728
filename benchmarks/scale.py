"""What a document costs in small and large corpora, and how much memory each step takes.

    python -m benchmarks.scale FOLDER [--sizes 1000,10000,100000] [--keep PLACE]
    python -m benchmarks.scale --passages 8800000 --queries 500000 --keep PLACE [--index Flat]
        [--refresh]
        [--settings '{"filters": {"margin": 0.5}}']

FOLDER is in BEIR layout. Each size is so many documents, evenly spread, with the queries they
answer, through `dagster asset materialize` of a project of its own. Sizes below 10,000 are the
median of three runs from nothing, larger ones are run once.

With `--passages`, texts are generated, and the encoder has 64 dimensions and random weights. Every
step has a process of its own; one that has ended is not made again if the command is repeated with
the same PLACE. With `--refresh`, a thousandth of the passages is then changed or added, and all is
made again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.generated_collection import CHANGED, change_collection, write_collection
from benchmarks.measure import (
    describe_machine,
    materialize,
    metadata,
    print_table,
    write_project,
)
from benchmarks.steps import Step, run_steps
from hn_assets.settings.dataset import DatasetSettings

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
QUERIES_PER_NEW = 1_000  # for so many queries, a refresh brings a new one
DIMENSION = 64  # of the encoder with random weights


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--keep", type=Path, help="where to leave the projects")
    parser.add_argument("--passages", type=int, help="generate so many passages")
    parser.add_argument("--queries", type=int, default=1_000, help="generate so many queries")
    parser.add_argument("--index", default="Flat", help="search.index")
    parser.add_argument("--search-parameters", default="", help="search.search_parameters")
    parser.add_argument("--settings", type=json.loads, default={}, help="further sections, in JSON")
    parser.add_argument(
        "--refresh", action="store_true", help="change a little, and make every step again"
    )
    options = parser.parse_args()
    if options.passages:
        measure_steps(options)
        return
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


def measure_steps(options: argparse.Namespace) -> None:
    """Print the table of the steps of a generated collection."""
    place = options.keep
    if place is None:
        raise SystemExit(
            "--passages needs --keep PLACE: what a run of hours has made is kept there"
        )
    raw, model = place.absolute() / "raw", place.absolute() / "model"
    if not model.exists():
        _write_model(model)
    if not (raw / "written").exists():
        write_collection(raw, options.passages, options.queries, _words(model))
        (raw / "written").touch()
    attributes: dict[str, Any] = {
        "source": {"type": "beir", "folder": str(raw)},
        "encoding": {"model": str(model), "pooling": "mean"},
        "search": {"index": options.index, "search_parameters": options.search_parameters},
        # the vectors are random: what is measured is time and memory
        "checks": {"min_index_recall": 0, "min_recall": 0},
        **options.settings,
    }
    write_project(place, "scale", attributes)
    settings = DatasetSettings.model_validate(attributes)
    size = f"{options.passages:,} passages, {options.queries:,} queries, index {options.index}"
    _print_steps(size, run_steps(place, "scale", settings, place / "steps.json"))
    if not options.refresh:
        return
    if not (raw / "changed").exists():
        change_collection(raw, options.queries // QUERIES_PER_NEW)
        (raw / "changed").touch()
    steps = run_steps(place, "scale", settings, place / "steps_of_refresh.json")
    _print_steps(
        f"{size}: a refresh with one passage in {CHANGED:,} changed and as many new", steps
    )


def _print_steps(title: str, steps: list[Step]) -> None:
    print_table(
        f"{title}. {describe_machine()}",
        ["step", "s", "CPU time, s", "memory, MiB", "with mapped files, MiB"],
        [
            (
                one.name,
                f"{one.seconds:.0f}",
                f"{one.cpu_seconds:.0f}",
                one.own_mib,
                one.resident_mib,
            )
            for one in steps
        ],
    )


def _write_model(folder: Path) -> None:
    """A tiny BERT with random weights, for which texts are alike if they have words in common."""
    import torch
    from transformers import BertModel

    from hn_assets_tests.small_models import make_tiny_bert

    model: Any = BertModel.from_pretrained(make_tiny_bert(folder, dimension=DIMENSION))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.normal_(generator=generator)
        model.embeddings.position_embeddings.weight.zero_()
        model.embeddings.token_type_embeddings.weight.zero_()
    model.save_pretrained(folder)


def _words(model: Path) -> list[str]:
    """The words of a tokenizer's vocabulary that are words, in its order."""
    lines = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    return [word for word in lines if word.isalpha() and word.isascii() and len(word) > 2]


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
