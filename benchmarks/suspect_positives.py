"""How many wrong positives are found among as many suspects.

    python -m benchmarks.suspect_positives FOLDER [FOLDER ...] [--draws 3]

FOLDER is in BEIR layout; qrels of every split count. In each draw 5 % of the positives are replaced
by documents of the ranks 50 to 500 of their queries, at random.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.false_negatives import Dataset
from benchmarks.measure import describe_machine, print_table
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.mining.deeper_search import DeeperSearch
from hn_assets.review.suspects.find_suspects import find_suspects
from hn_assets.settings.search import SearchSettings

SHARE, START, END = 0.05, 50, 500


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--draws", type=int, default=3)
    options = parser.parse_args()
    rows: list[tuple] = []
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as scratch:
            dataset = Dataset(folder, Path(scratch))
            found = [look(dataset, draw) for draw in range(options.draws)]
        half, whole = (np.array(shares) for shares in zip(*found, strict=True))
        rows.append(
            (
                folder.name,
                len(dataset.qrels),
                f"{half.mean():.2f}",
                f"{whole.mean():.2f} ({whole.min():.2f} to {whole.max():.2f})",
            )
        )
    print_table(
        f"{options.draws} draws. {describe_machine()}",
        ["collection", "positives", "share found, first half", "share found"],
        rows,
    )


def look(dataset: Dataset, draw: int) -> tuple[float, float]:
    """The share of replaced ones among half as many suspects as were replaced, and as many."""
    files = dataset.files
    documents, queries = VectorTable(files.corpus_embeddings), VectorTable(files.query_embeddings)
    row_of = {query: row for row, query in enumerate(queries.ids)}
    search = DeeperSearch(
        files.faiss_index, files.faiss_index_ids, queries, documents, SearchSettings()
    )
    rng = np.random.default_rng(draw)
    qrels = dataset.qrels.reset_index(drop=True)
    known = set(zip(qrels.query_id, qrels.doc_id, strict=True))
    wrong: set[tuple[str, str]] = set()
    for place in rng.choice(len(qrels), max(1, round(SHARE * len(qrels))), replace=False):
        query = qrels.query_id[place]
        ranked = search(np.array([row_of[query]]), END).documents[0]
        able = [documents.ids[row] for row in ranked[START:] if row >= 0]
        pair = next(p for d in rng.permutation(able) if (p := (query, str(d))) not in known)
        known.add(pair)
        wrong.add(pair)
        qrels.loc[place, "doc_id"] = pair[1]
    path = dataset.place / f"qrels-{draw}.parquet"
    qrels.assign(score=1, split="train").to_parquet(path)
    found = find_suspects(replace(files, qrels=path), SearchSettings(), "train", 42)
    assert found is not None, "there are too few positives"
    is_wrong = [pair in wrong for pair in zip(found.query_id, found.doc_id, strict=True)]
    count = len(wrong)
    return float(np.mean(is_wrong[: max(1, count // 2)])), float(np.mean(is_wrong[:count]))


if __name__ == "__main__":
    main()
