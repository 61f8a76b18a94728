"""What a refresh costs when one document in a hundred is changed, added, and removed.

    python -m benchmarks.refresh FOLDER [--documents N] [--keep PLACE]

Runs four times, through `dagster asset materialize`: from nothing (unless PLACE already holds the
vectors of an earlier time), with nothing changed, with the changes, and from nothing again on the
vectors that are there by then, to compare every file of the result.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import (
    describe_machine,
    materialize,
    metadata,
    print_table,
    write_project,
)
from benchmarks.scale import write_subset

SHARE = 100  # one document in so many
COMPARED = ("corpus", "corpus_embeddings", "candidates", "hard_negatives", "training_set")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="where to leave the project, or find it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.keep or Path(scratch)
        documents, _ = write_subset(options.folder, place / "raw", options.documents)
        source = {"type": "beir", "folder": str((place / "raw").resolve())}
        write_project(place, "bench", {"source": source, "mining": {"plan": "settings"}})
        rows = [run(place, f"first run, {documents:,} documents")]
        rows.append(run(place, "nothing changed"))
        changed = change(place / "raw" / "corpus.jsonl")
        rows.append(run(place, f"{changed:,} changed, {changed:,} added, {changed:,} removed"))
        refreshed = read(place)
        for path in (place / "data" / "bench").iterdir():
            if path.is_dir() and path.name != "vector_cache":
                shutil.rmtree(path)
        rows.append(run(place, "the same from nothing, on the same vectors"))
        whole = read(place)
    different = [name for name in whole if refreshed[name] != whole[name]]
    print_table(
        f"Refresh of {options.folder.name}. {describe_machine()}",
        ["run", "seconds", "texts encoded", "queries searched whole", "queries kept and merged"],
        rows,
    )
    print(f"\nfiles that differ between the last two, of {len(whole)}: {different or 'none'}")


def run(place: Path, what: str) -> tuple[Any, ...]:
    """Materialize all, and say what it cost."""
    seconds = materialize(place, "bench")
    found = {s: metadata(place, "bench", s) for s in ("corpus_embeddings", "candidates")}
    if found["corpus_embeddings"]["unchanged"]:
        return what, f"{seconds:.0f}", 0, 0, 0
    return (
        what,
        f"{seconds:.0f}",
        f"{found['corpus_embeddings']['texts_encoded']:,}",
        f"{found['candidates']['queries_searched']:,}",
        f"{found['candidates']['queries_kept_and_merged']:,}",
    )


def change(path: Path) -> int:
    """Edit, add and remove one document in a hundred, evenly spread; how many of each."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    count = len(rows) // SHARE
    for i in range(count):
        rows[i * SHARE]["text"] += " This sentence was added in a later version."
    texts = [rows[i * SHARE + 1]["text"] for i in range(count)]
    added = [
        {"_id": f"added-{i}", "title": "", "text": f"{text} {texts[i - 1]}"[-1500:]}
        for i, text in enumerate(texts)
    ]
    gone = {i * SHARE + 2 for i in range(count)}
    kept = [row for place, row in enumerate(rows) if place not in gone]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*kept, *added]))
    return count


def read(place: Path) -> dict[str, bytes]:
    """The bytes of every file that is compared."""
    data = place / "data" / "bench"
    return {
        f"{stage}/{path.name}": path.read_bytes()
        for stage in COMPARED
        for path in sorted((data / stage / "latest").resolve().iterdir())
    }


if __name__ == "__main__":
    main()
