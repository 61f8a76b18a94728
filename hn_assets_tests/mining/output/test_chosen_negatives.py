"""Chosen negatives take little memory until they are written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hn_assets.mining.data.indexed_dataset import IndexedDataset, Texts
from hn_assets.mining.output import chosen_negatives
from hn_assets.mining.output.chosen_negatives import NUMBERS, ChosenNegatives
from hn_assets_tests.peak_memory import peak_memory

QUERIES, DOCUMENTS, EACH = 2_000, 9_000, 15


@pytest.fixture(scope="module")
def dataset() -> IndexedDataset:
    query_ids = [f"query-{n}" for n in range(QUERIES)]
    document_ids = [f"document-{n}" for n in range(DOCUMENTS)]
    # every query has two positives: its own number, and the next
    positives = np.stack([np.arange(QUERIES), np.arange(QUERIES) + 1], axis=1).ravel()
    qrels = {
        "query_id": np.repeat(query_ids, 2),
        "doc_id": np.array(document_ids)[positives],
        "score": 1,
        "split": "train",
    }
    return IndexedDataset.build(
        document_ids,
        query_ids,
        Texts(np.arange(DOCUMENTS), np.arange(QUERIES), empty=-1),
        pd.DataFrame({"id": query_ids, "split": "train"}),
        pd.DataFrame(qrels),
        "train",
    )


def blocks(seed: int = 0) -> list[pa.Table]:
    """Negatives of which the last of each query has no rank, as those drawn at random have none."""
    generator = np.random.default_rng(seed)
    out: list[pa.Table] = []
    for first in range(0, QUERIES, 500):
        count = 500 * EACH
        rank = np.tile(np.arange(EACH, dtype=np.int32), 500)
        source = pa.DictionaryArray.from_arrays(
            pa.array((rank == EACH - 1).astype(np.int8)), pa.array(["dense", "random"])
        )
        numbers = [pa.array(generator.random(count).astype(np.float32)) for _ in range(3)]
        columns = [
            pa.array(np.repeat(np.arange(first, first + 500, dtype=np.int32), EACH)),
            pa.array(generator.integers(0, DOCUMENTS, count).astype(np.int32)),
            source,
            pa.array(rank, mask=rank == EACH - 1),
            *numbers,
            pa.nulls(count, pa.float32()),
            pa.nulls(count, pa.float32()),
        ]
        out.append(pa.table(columns, schema=NUMBERS))
    return out


def test_they_are_sorted_whatever_the_order_of_the_blocks(
    dataset: IndexedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = np.linspace(0, 1, len(dataset.positives.documents)).astype(np.float32)
    chosen = ChosenNegatives(reversed(blocks()), dataset, scores)
    monkeypatch.setattr(chosen_negatives, "ROWS_AT_ONCE", 7_777)
    table = chosen.table()
    order = [("query_id", "ascending"), ("rank", "ascending"), ("doc_id", "ascending")]
    assert table.equals(table.sort_by(order))
    assert len(chosen) == table.num_rows == QUERIES * EACH
    rows = table.slice(EACH * 1_000, 1).to_pylist()
    number = int(rows[0]["query_id"].removeprefix("query-"))
    assert rows[0]["positive_ids"] == [f"document-{number}", f"document-{number + 1}"]
    assert rows[0]["positive_scores"] == pytest.approx(scores[2 * number : 2 * number + 2])
    frame = table.to_pandas()
    assert chosen.margins_to_best_positive() == pytest.approx(
        (frame.score - frame.positive_scores.map(max)).to_numpy()
    )
    assert set(chosen.counts_by_query()) == {EACH}
    sample = chosen.sample(4, 3)
    assert (
        sample["query_id"].to_pylist()
        == np.repeat(table["query_id"].to_pylist()[:: EACH * 500], 3).tolist()
    )


def test_a_negative_takes_few_bytes(
    dataset: IndexedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen_negatives, "ROWS_AT_ONCE", 1_000)
    scores = np.ones(len(dataset.positives.documents), np.float32)
    with peak_memory() as peak:
        ChosenNegatives(blocks(), dataset, scores).write(tmp_path / "negatives.parquet")
    # with names and lists in a data frame, it was 1,460
    assert peak.bytes < 200 * QUERIES * EACH
