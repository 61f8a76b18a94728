"""A ranking brought up to date is, to the last bit, that of searching everything."""

from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter
from hn_assets.retrieval.incremental_ranking import (
    SEARCHED,
    VECTOR_KEY,
    EarlierRankings,
    IncrementalRanking,
    IncrementalReport,
    write_searched,
)
from hn_assets.retrieval.searcher import Searcher
from hn_assets.store import schemas
from hn_assets_tests.peak_memory import peak_memory

Numbers = dict[str, int]  # id -> number that its vector is made from


def vector(number: int) -> np.ndarray:
    # few directions, so that there are many ties
    drawn = np.random.default_rng(number).integers(-2, 3, size=4).astype(np.float32)
    return drawn / max(float(np.linalg.norm(drawn)), 1.0)


def make_table(path: Path, numbers: Numbers) -> VectorTable:
    writer = VectorWriter(path)
    vectors = np.stack([vector(number) for number in numbers.values()])
    writer.write(list(numbers), [bytes(16)] * len(numbers), vectors)
    writer.close()
    return VectorTable(path)


def search(
    folder: Path, documents: Numbers, queries: Numbers, depth: int, before: Path | None
) -> IncrementalReport:
    """Rank into `folder`, with what an earlier run left in `before`."""
    folder.mkdir()
    corpus = make_table(folder / "d.arrow", documents)
    asked = make_table(folder / "q.arrow", queries)
    index = faiss.IndexFlatIP(corpus.dimension)
    for block in corpus.blocks():
        index.add(np.ascontiguousarray(block))  # type: ignore[call-arg]
    earlier = None
    if before is not None:
        files = [before / name for name in ("c.parquet", "d.parquet", "q.parquet")]
        earlier = EarlierRankings.read(*files, depth=depth)
    ranking = IncrementalRanking(Searcher(index, corpus), corpus, asked, depth, earlier)
    rows: list[dict] = []
    for block in ranking.rank(memory_mb=16):
        for place, (ranked, scores) in enumerate(zip(block.rows, block.scores, strict=True)):
            rows += [
                {
                    "query_id": asked.ids[block.first + place],
                    "doc_id": corpus.ids[row],
                    "rank": rank,
                    "score": score,
                }
                for rank, (row, score) in enumerate(zip(ranked, scores, strict=True))
            ]
    table = pa.Table.from_pylist(rows, schema=schemas.CANDIDATES)
    pq.write_table(table, folder / "c.parquet")
    write_searched(corpus, folder / "d.parquet")
    write_searched(asked, folder / "q.parquet")
    return ranking.report


def test_an_earlier_candidate_takes_few_bytes(tmp_path: Path) -> None:
    queries, documents, depth = 2_000, 3_000, 100
    names = pa.array([f"query-{n}" for n in range(queries)])
    ids = pa.array([f"document-{n}" for n in range(documents)])
    query = np.repeat(np.arange(queries), depth)
    rank = np.tile(np.arange(depth, dtype=np.int32), queries)
    document = (query * 7 + rank) % documents
    score = pa.array(-rank.astype(np.float32))
    columns = [names.take(pa.array(query)), ids.take(pa.array(document)), pa.array(rank), score]
    table = pa.table(columns, schema=schemas.CANDIDATES)
    pq.write_table(table, tmp_path / "c.parquet", row_group_size=10_000)
    for name, known in (("d", ids), ("q", names)):
        keys = pa.array([bytes(16)] * len(known), VECTOR_KEY)
        pq.write_table(pa.table([known, keys], schema=SEARCHED), tmp_path / f"{name}.parquet")
    files = [tmp_path / f"{name}.parquet" for name in "cdq"]
    del table, columns
    with peak_memory() as peak:
        found = EarlierRankings.read(*files, depth=depth)
    assert found.rows.ravel().tolist() == document.tolist()
    assert found.scores[3].tolist() == list(range(0, -depth, -1))
    # beside the eight that are kept; it was 61 with the file in memory
    assert peak.bytes < 30 * len(query)


ids = st.integers(0, 40).map(str)
id_numbers = st.dictionaries(ids, st.integers(0, 30), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    documents=st.lists(id_numbers, min_size=2, max_size=4),
    queries=st.lists(id_numbers, min_size=4, max_size=4),
    depth=st.integers(1, 35),
    data=st.data(),
)
def test_it_equals_a_run_from_nothing(
    tmp_path_factory, documents: list[Numbers], queries: list[Numbers], depth: int, data
) -> None:
    """Over random additions, edits, deletions and orders, one step after the other."""
    folder = tmp_path_factory.mktemp("steps")
    present, asked, before = documents[0], queries[0], None
    for step in range(len(documents)):
        if step:
            # keep some of what was there, take some of what is new, in any order
            mixed = {**present, **documents[step]}
            kept = data.draw(st.lists(st.sampled_from(sorted(mixed)), min_size=1, unique=True))
            present = {name: mixed[name] for name in kept}
            asked = {**asked, **queries[step]} if step % 2 else queries[step]
        search(folder / f"{step}", present, asked, depth, before)
        search(folder / f"{step}-whole", present, asked, depth, None)
        refreshed = pq.read_table(folder / f"{step}" / "c.parquet")
        assert refreshed.equals(pq.read_table(folder / f"{step}-whole" / "c.parquet"))
        before = folder / f"{step}"


def test_only_what_changed_is_searched(tmp_path: Path) -> None:
    documents = {f"d{i}": i for i in range(30)}
    queries = {f"q{i}": 100 + i for i in range(10)}
    report = search(tmp_path / "0", documents, queries, 5, None)
    assert (report.searched, report.merged) == (10, 0)
    report = search(tmp_path / "1", documents, queries, 5, tmp_path / "0")
    assert report == IncrementalReport(searched=0, merged=10, new_documents=0, gone_documents=0)

    ranked = pq.read_table(tmp_path / "1" / "c.parquet").to_pandas()
    gone = ranked.doc_id.iloc[0]
    held = set(ranked[ranked.doc_id == gone].query_id)
    changed = {name: number for name, number in documents.items() if name != gone}
    changed = {"new": 77, **changed}
    report = search(tmp_path / "2", changed, {**queries, "q-new": 7}, 5, tmp_path / "1")
    assert (report.new_documents, report.gone_documents) == (1, 1)
    assert report.searched == len(held) + 1
    assert report.merged == 10 - len(held)


def test_rankings_of_another_depth_are_not_used(tmp_path: Path) -> None:
    documents, queries = {f"d{i}": i for i in range(9)}, {"q": 50}
    search(tmp_path / "0", documents, queries, 5, None)
    files = [tmp_path / "0" / name for name in ("c.parquet", "d.parquet", "q.parquet")]
    corpus = make_table(tmp_path / "d.arrow", documents)
    asked = make_table(tmp_path / "q.arrow", queries)
    searcher = Searcher(faiss.IndexFlatIP(4), corpus)
    ranking = IncrementalRanking(searcher, corpus, asked, 6, EarlierRankings.read(*files, depth=5))
    assert ranking.report.searched == 1
