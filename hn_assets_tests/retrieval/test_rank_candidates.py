"""From files to files: the rankings, what is reported of them, and what is refused."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from hn_assets.encoding.vectors.vector_file import VectorSource, VectorTable
from hn_assets.errors import SearchError
from hn_assets.hardware import FaissChoice
from hn_assets.retrieval import gpu_index
from hn_assets.retrieval.compatibility import check_index_version, check_same_space
from hn_assets.retrieval.depth import wanted_depth
from hn_assets.retrieval.faiss_index import IDS_FILE, INDEX_FILE, build_index
from hn_assets.retrieval.rank_candidates import EarlierFiles, rank_candidates
from hn_assets.retrieval.ranking_report import RankingReport
from hn_assets.settings.mining import MiningSettings
from hn_assets.settings.search import SearchSettings
from hn_assets_tests.retrieval.vector_tables import make_table, unit_vectors

QRELS = pd.DataFrame(
    [("0000", "0003", 1, "train"), ("0001", "0005", 1, "train"), ("0002", "0003", 1, "test")],
    columns=["query_id", "doc_id", "score", "split"],
)
CPU = FaissChoice("cpu", "asked for")


def rank(
    folder: Path,
    documents: np.ndarray,
    *,
    depth: int = 5,
    device: FaissChoice = CPU,
    before: Path | None = None,
    warnings: list[str] | None = None,
    **search,
) -> tuple[RankingReport, pd.DataFrame]:
    folder.mkdir()
    settings = SearchSettings(**search)
    make_table(folder / "d.arrow", documents)
    make_table(folder / "q.arrow", unit_vectors(12, seed=1))
    build_index(VectorTable(folder / "d.arrow"), settings, folder)
    earlier = None
    if before is not None:
        names = ("c.parquet", "d.parquet", "q.parquet")
        earlier = EarlierFiles(*(before / name for name in names), depth=5)
    report = rank_candidates(
        folder / INDEX_FILE,
        folder / IDS_FILE,
        folder / "d.arrow",
        folder / "q.arrow",
        target=folder / "c.parquet",
        searched_documents=folder / "d.parquet",
        searched_queries=folder / "q.parquet",
        search=settings,
        depth=depth,
        faiss_device=device,
        qrels=QRELS,
        earlier=earlier,
        log=lambda line: None,
        warn=(warnings if warnings is not None else []).append,
    )
    return report, pq.read_table(folder / "c.parquet").to_pandas()


def test_every_query_has_its_best_documents(tmp_path: Path) -> None:
    documents = unit_vectors(30)
    report, ranked = rank(tmp_path / "a", documents)
    scores = unit_vectors(12, seed=1).astype(np.float64) @ documents.T.astype(np.float64)
    best = np.argsort(-scores, axis=1)[:, :5]
    assert ranked.doc_id.tolist() == [f"{row:04}" for row in best.reshape(-1)]
    assert ranked["rank"].tolist() == list(range(5)) * 12
    assert report.figures()["dagster/row_count"] == 60
    assert report.manifest_info("train")["recall_of_mined"] == report.recall_of_split("train")
    assert report.recall_of_split("no such split") is None
    assert report.figures()["index_recall_is"] == "exact by construction"


def test_an_earlier_ranking_is_used_if_its_depth_is_the_same(tmp_path: Path) -> None:
    documents = unit_vectors(30)
    rank(tmp_path / "a", documents)
    more = np.concatenate([documents, unit_vectors(5, seed=9)])
    whole, ranked = rank(tmp_path / "whole", more)
    report, again = rank(tmp_path / "b", more, before=tmp_path / "a")
    assert (report.incremental.searched, report.incremental.merged) == (0, 12)
    assert report.incremental.new_documents == 5
    assert whole.incremental.searched == 12
    assert (tmp_path / "b/c.parquet").read_bytes() == (tmp_path / "whole/c.parquet").read_bytes()
    deeper, _ = rank(tmp_path / "c", more, depth=6, before=tmp_path / "a")
    assert deeper.incremental.searched == 12
    assert ranked.equals(again)


def test_new_documents_are_searched_where_the_others_are(
    tmp_path: Path, cards: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = FaissChoice("gpu", "asked for", cards=(1,))
    documents = unit_vectors(30)
    near = unit_vectors(1, seed=2) + 0.001 * unit_vectors(40, seed=9)  # as one, in float16
    more = np.concatenate([documents, near]).astype(np.float32)
    rank(tmp_path / "a", documents)
    whole, _ = rank(tmp_path / "whole", more)
    report, _ = rank(tmp_path / "b", more, before=tmp_path / "a", device=card)
    assert cards == [1, 1], "the whole corpus, then the new documents"
    assert report.incremental.merged == 12
    assert report.figures()["documents_new_searched_on"] == "gpu"
    assert (tmp_path / "b/c.parquet").read_bytes() == (tmp_path / "whole/c.parquet").read_bytes()
    assert whole.figures()["documents_new_searched_on"] == "none searched"

    warnings: list[str] = []
    fill, sizes = gpu_index.fill_flat_index, []

    def full(vectors: VectorSource, cards: Sequence[int]) -> object:
        sizes.append(len(vectors))
        if len(sizes) == 2:
            raise RuntimeError("Error: cudaMalloc failed\nout of memory")
        return fill(vectors, cards)

    monkeypatch.setattr(gpu_index, "fill_flat_index", full)
    report, _ = rank(tmp_path / "c", more, before=tmp_path / "a", device=card, warnings=warnings)
    assert sizes == [70, 40]
    assert report.figures()["documents_new_searched_on"] == "cpu"
    assert warnings == [
        "new documents are searched on the CPU, not on a GPU: FAISS cannot put this index on a "
        "GPU: out of memory"
    ]
    assert (tmp_path / "c/c.parquet").read_bytes() == (tmp_path / "whole/c.parquet").read_bytes()


def test_queries_in_doubt_among_new_documents_are_counted(
    tmp_path: Path, cards: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that finds 32 documents at most cannot tell 100 near copies apart."""
    monkeypatch.setattr("hn_assets.retrieval.searcher.FAISS_GPU_LIMIT", 32)
    documents = unit_vectors(30)
    near = unit_vectors(1, seed=2) + 1e-6 * unit_vectors(100, seed=9)
    more = np.concatenate([documents, near]).astype(np.float32)
    rank(tmp_path / "a", documents)
    rank(tmp_path / "whole", more)
    card = FaissChoice("gpu", "asked for", cards=(0,))
    report, _ = rank(tmp_path / "b", more, before=tmp_path / "a", device=card)
    assert (report.incremental.searched, report.incremental.merged) == (0, 12)
    assert report.figures()["queries_searched_again"] == 12
    assert report.figures()["queries_compared_with_all_on_the_cpu"] == 12
    assert (tmp_path / "b/c.parquet").read_bytes() == (tmp_path / "whole/c.parquet").read_bytes()


def test_a_small_corpus_and_a_gpu_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    warnings: list[str] = []
    rank(tmp_path / "a", unit_vectors(4), warnings=warnings)
    assert "the corpus has 4 documents, fewer than the wanted depth 5" in warnings[0]
    warnings.clear()
    asked = FaissChoice("cpu", "FAISS sees no GPU", fell_back=True)
    report, _ = rank(tmp_path / "b", unit_vectors(30), device=asked, warnings=warnings)
    assert warnings == ["FAISS searches on the CPU, not on a GPU: FAISS sees no GPU"]
    assert report.figures()["faiss_device"] == "cpu"


def test_an_approximate_index_says_its_recall(tmp_path: Path) -> None:
    report, _ = rank(tmp_path / "a", unit_vectors(300), index="IVF4,Flat")
    assert not report.is_exact
    assert report.index_recall is not None
    assert 0 < report.index_recall <= 1
    assert "on a sample of 200 queries" in report.figures()["index_recall_is"]
    assert report.figures()["index_kept_in"] == "its file, mapped"


def test_fast_scan_lists_are_kept_in_memory_as_faiss_reads_them_whole(tmp_path: Path) -> None:
    report, _ = rank(tmp_path / "a", unit_vectors(300), index="IVF4,PQ4x4fs")
    assert report.figures()["index_kept_in"] == "memory"


def test_vectors_of_two_models_are_refused() -> None:
    space = {"dimension": 8, "weights": "sha256:1"}
    check_same_space(space, dict(space))
    with pytest.raises(SearchError, match="weights is sha256:1 for documents and sha256:2 for"):
        check_same_space(space, {**space, "weights": "sha256:2"})


def test_an_index_of_an_older_version_is_refused() -> None:
    check_index_version("v1", "v1")
    with pytest.raises(SearchError, match="materialize faiss_index again"):
        check_index_version("v1", "v2")


def test_the_depth_is_the_end_of_the_range_and_the_most_positives() -> None:
    qrels = pd.concat([QRELS, QRELS.assign(doc_id="0009")], ignore_index=True)
    mining = MiningSettings(range_max=40)
    assert wanted_depth(SearchSettings(), mining, qrels) == 42
    assert wanted_depth(SearchSettings(depth=7), mining, qrels) == 7
    raw = MiningSettings(range_max=40, range_counts="including_positives")
    assert wanted_depth(SearchSettings(), raw, qrels) == 40
    assert wanted_depth(SearchSettings(), mining, qrels[qrels.split == "test"]) == 40
