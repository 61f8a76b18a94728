"""What calibration, audit and mining cost where queries have dozens of positives, beside encoding.

    python -m benchmarks.many_positives FOLDER... [--queries 2000] [--positives 40]

The FOLDERs are in BEIR layout and have queries with many positives each. A collection is made of
them: the documents of all, and as many queries as are asked for. A query has four fifths of the
words of one of theirs, in another order, and positives of that one; if it has too few, the rest are
positives of another query or documents at random.
"""

import argparse
import csv
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measure import describe_machine, print_table
from hn_assets import mine_hard_negatives
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.session import MiningSession
from hn_assets.pipeline.mining_inputs import MINING_FILES
from hn_assets.settings.dataset import DatasetSettings

ROUNDS = 3
SETTINGS: dict[str, Any] = {
    "mining": {"evaluation_split": ""},
    "filters": {"target_false_negative_rate": 0.01},
    "encoding": {"passage_max_length": 64},
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--positives", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        raw, kept = Path(scratch) / "raw", Path(scratch) / "kept"
        write_collection(options.folders, raw, options.queries, options.positives)
        mined = mine_hard_negatives(raw, settings=SETTINGS, folder=kept)
        encoding = sum(
            float(mined.report[stage]["encoding_seconds"])
            for stage in ("corpus_embeddings", "query_embeddings")
        )
        assert mined.folder is not None
        paths = {
            name: mined.folder / f.stage / "latest" / f.name for name, f in MINING_FILES.items()
        }
        rounds = [measure(MiningFiles(**paths), Path(scratch)) for _ in range(ROUNDS)]
    medians = {step: sorted(r[step] for r in rounds)[ROUNDS // 2] for step in rounds[0]}
    rows = [("encoding", f"{encoding:.1f}"), *((s, f"{v:.1f}") for s, v in medians.items())]
    rows.append(("calibration, audit and mining", f"{sum(medians.values()):.1f}"))
    print_table(
        f"{options.queries:,} queries with {options.positives} positives each; seconds, medians of "
        f"{ROUNDS} rounds but for encoding. {describe_machine()}",
        ["step", "seconds"],
        rows,
    )


def measure(files: MiningFiles, scratch: Path) -> dict[str, float]:
    """The seconds of each step."""
    settings = DatasetSettings.model_validate(
        {**SETTINGS, "source": {"type": "beir", "folder": "-"}}
    )
    session = MiningSession.open(
        files,
        mining=settings.mining,
        filters=settings.filters,
        search=settings.search,
        include_title=True,
    )
    calibration, calibrating = timed(session.calibrate)
    session = replace(session, calibration=calibration)
    _, auditing = timed(session.audit)
    _, mining = timed(lambda: session.mine(scratch / "ledger.parquet"))
    return {"calibration": calibrating, "audit": auditing, "mining": mining}


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the seconds it took."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def write_collection(folders: list[Path], target: Path, queries: int, positives: int) -> None:
    """Write the collection, in BEIR layout."""
    chance = random.Random(0)
    documents: list[dict[str, str]] = []
    known: list[tuple[list[str], list[str]]] = []
    for folder in folders:
        of_query = _positives(folder)
        for row in _rows(folder / "corpus.jsonl"):
            documents.append({**row, "_id": f"{folder.name}-{row['_id']}"})
        known += [
            (row["text"].split(), of_query[row["_id"]])
            for row in _rows(folder / "queries.jsonl")
            if len(of_query.get(row["_id"], ())) * 4 >= positives
        ]
    ids = [row["_id"] for row in documents]
    (target / "qrels").mkdir(parents=True)
    with (target / "corpus.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in documents)
    with (
        (target / "queries.jsonl").open("w") as file,
        (target / "qrels" / "train.tsv").open("w") as qrels,
    ):
        qrels.write("query-id\tcorpus-id\tscore\n")
        for number in range(queries):
            words, own = chance.choice(known)
            text = " ".join(chance.sample(words, max(3, len(words) * 4 // 5)))
            file.write(json.dumps({"_id": f"q{number}", "text": f"{text} {number}"}) + "\n")
            chosen = dict.fromkeys(chance.sample(own, min(len(own), positives * 4 // 5)))
            others = [*chance.choice(known)[1], *chance.sample(ids, positives)]
            chosen.update(dict.fromkeys(others))
            for document in list(chosen)[:positives]:
                qrels.write(f"q{number}\t{document}\t1\n")


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _positives(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with (folder / "qrels" / "test.tsv").open() as file:
        for query, document, score in list(csv.reader(file, delimiter="\t"))[1:]:
            if int(score) > 0:
                found.setdefault(query, []).append(f"{folder.name}-{document}")
    return found


if __name__ == "__main__":
    main()
