"""The documents that are ranked to judge a model: all, or the positives and the hardest."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.store import schemas
from hn_assets.trial.ranked_documents import write_ranked_documents

DOCUMENTS = 50


def write_files(folder: Path) -> tuple[Path, Path]:
    corpus, candidates = folder / "corpus.parquet", folder / "candidates.parquet"
    ids = [f"d{i:02d}" for i in range(DOCUMENTS)]
    pq.write_table(
        pa.table([ids, [""] * DOCUMENTS, ["a text"] * DOCUMENTS], schema=schemas.CORPUS), corpus
    )
    rows = [{"query_id": q, "doc_id": ids[r], "rank": r} for q in ("q1", "q2") for r in range(9)]
    pq.write_table(pa.Table.from_pylist(rows), candidates)
    return corpus, candidates


def test_a_small_corpus_is_ranked_whole(tmp_path: Path) -> None:
    corpus, candidates = write_files(tmp_path)
    found = write_ranked_documents(
        corpus, candidates, ["q1"], ["d40"], tmp_path / "x", limit=DOCUMENTS, seed=1
    )
    assert found == corpus


def test_of_a_large_one_positives_and_the_nearest_come_first(tmp_path: Path) -> None:
    corpus, candidates = write_files(tmp_path)

    def ids(limit: int, seed: int = 1) -> list[str]:
        path = write_ranked_documents(
            corpus, candidates, ["q1"], ["d40"], tmp_path / "x", limit=limit, seed=seed
        )
        return pq.read_table(path)["id"].to_pylist()

    assert ids(4) == ["d00", "d01", "d02", "d40"], "in the order of the corpus"
    many = ids(15)
    assert len(many) == 15
    assert {f"d{i:02d}" for i in range(9)} | {"d40"} <= set(many)
    assert many == ids(15)
    assert many != ids(15, seed=2), "the rest is drawn by the seed"
