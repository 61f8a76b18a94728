"""A ledger is checked in little memory, whatever its size."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from hn_assets.mining.output import ledger_check
from hn_assets.mining.output.ledger_check import check_ledger
from hn_assets.mining.rules.reasons import CHOSEN
from hn_assets.store import schemas

QUERIES, DOCUMENTS, DEPTH = 2_000, 5_000, 100


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Candidates of which the first is chosen; those of every tenth query are not mined."""
    folder = tmp_path_factory.mktemp("ledger")
    names = ("ledger", "negatives", "candidates", "corpus", "queries")
    files = {name: folder / f"{name}.parquet" for name in names}
    ids = {
        "queries": pa.array([f"query-{n}" for n in range(QUERIES)]),
        "corpus": pa.array([f"document-{n}" for n in range(DOCUMENTS)]),
    }
    for name, column in ids.items():
        pq.write_table(pa.table({"id": column}), files[name])
    query = np.repeat(np.arange(QUERIES), DEPTH)
    document = (7 * query + np.tile(np.arange(DEPTH), QUERIES)) % DOCUMENTS
    rank = pa.array(np.tile(np.arange(DEPTH, dtype=np.int32), QUERIES))
    table = pa.table(
        {"query_id": ids["queries"].take(query), "doc_id": ids["corpus"].take(document)}
    )
    score = pa.nulls(len(query), pa.float32())
    candidates = table.append_column("rank", rank).append_column("score", score)
    pq.write_table(candidates.cast(schemas.CANDIDATES), files["candidates"])
    outcome = np.where(np.asarray(rank) == 0, CHOSEN, "positive")
    ledger = table.append_column("outcome", pa.array(outcome)).filter(query % 10 > 0)
    types = [(name, pa.dictionary(pa.int32(), pa.string())) for name in ledger.column_names]
    pq.write_table(ledger.cast(pa.schema(types)), files["ledger"])
    pq.write_table(ledger.filter(pc.field("outcome") == CHOSEN), files["negatives"])
    return files


def test_a_row_takes_few_bytes(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_check, "ROWS_AT_ONCE", 5_000)
    usual, own = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(own)
    try:
        found = check_ledger(**files)
    finally:
        pa.set_memory_pool(usual)
    mined = QUERIES * 9 // 10
    assert (found.problems, found.queries, found.chosen) == ([], mined, mined)
    assert found.candidates == mined * DEPTH
    # beside eight bytes that NumPy holds: texts in a join took more than a hundred
    assert (own.max_memory() or 0) < 20 * found.candidates


def test_a_document_that_is_not_there_is_found(files: dict[str, Path], tmp_path: Path) -> None:
    corpus = pq.read_table(files["corpus"])
    pq.write_table(corpus.slice(1), tmp_path / "corpus.parquet")
    problems = check_ledger(**{**files, "corpus": tmp_path / "corpus.parquet"}).problems
    assert any("rows of the ledger name no query or no document" in one for one in problems)
