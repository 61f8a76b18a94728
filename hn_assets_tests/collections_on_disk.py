"""Small collections that tests write themselves, and the real ones that lie beside the project."""

import json
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


def shared(name: str) -> Path:
    """A real collection; the test is skipped where it is not there."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not on this machine")
    return folder


def write_jsonl(path: Path, rows: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_beir(
    folder: Path,
    documents: dict[str, str],
    queries: dict[str, str],
    qrels: dict[str, list[tuple[str, str, int]]],
) -> Path:
    """A folder in BEIR layout: texts by id, and judgements by split."""
    write_jsonl(
        folder / "corpus.jsonl",
        [{"_id": i, "title": "", "text": text} for i, text in documents.items()],
    )
    write_jsonl(folder / "queries.jsonl", [{"_id": i, "text": t} for i, t in queries.items()])
    (folder / "qrels").mkdir(exist_ok=True)
    for split, rows in qrels.items():
        lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


ANIMALS = [
    "cat",
    "dog",
    "horse",
    "whale",
    "sparrow",
    "trout",
    "beetle",
    "spider",
    "lizard",
    "frog",
    "otter",
    "heron",
]
FACTS = [
    "The {} lives in many parts of the world and is active by day.",
    "A young {} is fed by its parents for several weeks.",
    "The {} was drawn on cave walls long before writing.",
    "Keeping a {} at home needs space, water and patience.",
]


def animals(folder: Path) -> Path:
    """48 documents about 12 animals, 24 queries: 18 to train on, 6 to test."""
    documents = {
        f"{animal}-{number}": fact.format(animal)
        for animal in ANIMALS
        for number, fact in enumerate(FACTS)
    }
    queries, train, test = {}, [], []
    for place, animal in enumerate(ANIMALS):
        for number, question in enumerate(("where does the {} live", "how is a young {} fed")):
            query = f"q-{animal}-{number}"
            queries[query] = question.format(animal)
            (test if place >= 9 else train).append((query, f"{animal}-{number}", 1))
    return write_beir(folder, documents, queries, {"train": train, "test": test})
