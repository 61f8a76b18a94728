"""Compare our graph with the tutorial and with hn_mine, id by id, on a BEIR folder.

    .venv/bin/python -m benchmarks.parity FOLDER

Both sides use all-MiniLM-L6-v2 in float32 on passages without titles. The other side is written
from what the tutorial and hn_mine do, with FlagEmbedding's own `encode` and a plain FAISS index.
"""

import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import faiss
import numpy as np
from FlagEmbedding import FlagAutoModel

from hn_assets import mine_hard_negatives
from hn_assets.encoding.models.model import bundled_model_folder

MAX_LENGTH = 256
TIE = 1e-6  # scores closer than this are a tie: float32 rounds there


def main(folder: Path) -> None:
    """Print how many queries agree, for the tutorial's window and for hn_mine's."""
    corpus, queries, positives = read_beir(folder)
    model = FlagAutoModel.from_finetuned(
        str(bundled_model_folder()),
        model_class="encoder-only-base",
        pooling_method="mean",
        use_fp16=False,
        devices=["cpu"],
        query_max_length=MAX_LENGTH,
        passage_max_length=MAX_LENGTH,
    )
    index = faiss.IndexFlatIP(384)
    index.add(np.asarray(model.encode(list(corpus.values())), np.float32))
    vectors = np.asarray(model.encode_queries(list(queries.values())), np.float32)
    scores, found = index.search(vectors, 210)
    ids = np.array(list(corpus))

    ours = mine(
        folder, {"range_min": 5, "range_max": 15, "num_negatives": 10, "sampling": "top"}, 15
    )
    theirs = {
        query: [
            (doc, score)
            for doc, score in zip(ids[rows[5:15]], row_scores[5:15], strict=True)
            if doc not in positives[query]
        ]
        for query, rows, row_scores in zip(queries, found, scores, strict=True)
    }
    report("tutorial, ranks 5-15", ours, theirs)

    # hn_mine's candidates before it samples: ask for all of them, in rank order
    ours = mine(
        folder, {"range_min": 10, "range_max": 210, "num_negatives": 200, "sampling": "top"}, 210
    )
    texts = list(corpus.values())
    theirs = {}
    for query, rows, row_scores in zip(queries, found, scores, strict=True):
        answers = {corpus[doc] for doc in positives[query]}
        theirs[query] = [
            (ids[row], score)
            for row, score in zip(rows[10:210], row_scores[10:210], strict=True)
            if texts[row] not in answers and texts[row] != queries[query]
        ]
    report("hn_mine, ranks 10-210 before sampling", ours, theirs)


def read_beir(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    """Texts without titles, training queries, and their positives."""
    positives: dict[str, set[str]] = defaultdict(set)
    for line in (folder / "qrels" / "train.tsv").read_text().splitlines()[1:]:
        query, doc, score = line.split("\t")
        if int(score) > 0:
            positives[query].add(doc)
    with (folder / "corpus.jsonl").open() as file:
        corpus = {row["_id"]: row["text"] for row in map(json.loads, file)}
    with (folder / "queries.jsonl").open() as file:
        queries = {row["_id"]: row["text"] for row in map(json.loads, file)}
    return corpus, {q: text for q, text in queries.items() if q in positives}, positives


def mine(folder: Path, mining: dict, depth: int) -> dict[str, list[tuple[str, float]]]:
    """Our negatives with their scores, by query; the vectors are made once."""
    settings = {
        "encoding": {"include_title": False},
        "compute": {"device": "cpu", "precision": "float32"},
        "search": {"depth": depth},
        "mining": {**mining, "range_counts": "including_positives"},
    }
    rows = mine_hard_negatives(folder, settings=settings, folder=STORE).negatives
    return {
        str(query): list(zip(group.doc_id, group.score, strict=True))
        for query, group in rows.groupby("query_id")
    }


def report(what: str, ours: dict, theirs: dict) -> None:
    """Count the queries whose lists are equal, equal but for ties, and different."""
    same = tied = 0
    different: list[str] = []
    for query, found in ours.items():
        yours = theirs[query]
        if [doc for doc, _ in found] == [doc for doc, _ in yours]:
            same += 1
        elif len(found) == len(yours) and all(
            abs(a - b) < TIE for (_, a), (_, b) in zip(found, yours, strict=True)
        ):
            tied += 1
        else:
            different.append(query)
    print(
        f"{what}: {len(ours)} of {len(theirs)} training queries mined; {same} have identical ids "
        f"in identical order, {tied} differ only in the order of ties, {len(different)} differ "
        f"{different[:5]}; not mined: {sorted(set(theirs) - set(ours))}"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as store:
        STORE = Path(store)
        main(Path(sys.argv[1]))
