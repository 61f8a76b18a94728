"""FAISS on cards, with stand-ins on the CPU that store and compute in float16 as theirs do."""

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from hn_assets.errors import SettingsError
from hn_assets.hardware import FaissChoice, choose_faiss_device
from hn_assets.retrieval import gpu_index
from hn_assets.retrieval.faiss_index import flat_index, place_index
from hn_assets.retrieval.gpu_index import fill_flat_index, why_not_usable
from hn_assets.retrieval.searcher import Searcher
from hn_assets.settings.compute import ComputeSettings
from hn_assets_tests.retrieval.vector_tables import make_table, unit_vectors


@pytest.mark.parametrize("which", [[0], [1], [0, 1]])
@pytest.mark.parametrize(("depth", "spread"), [(50, 1.0), (1_200, 1.0), (1_200, 0.001)])
def test_rankings_are_those_of_an_exact_search_on_the_cpu(
    tmp_path: Path, cards: list[int], which: Sequence[int], depth: int, spread: float
) -> None:
    """Where documents lie so close that a card cannot tell them apart, the CPU settles it."""
    vectors = unit_vectors(1, seed=2, dimension=48) + spread * unit_vectors(2500, dimension=48)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    documents = make_table(tmp_path / "d.arrow", vectors)
    queries = unit_vectors(30, seed=1, dimension=48)
    exact, exact_scores = Searcher(flat_index(documents), documents).find(queries, depth)
    index = fill_flat_index(documents, which)
    assert set(cards) == set(which)
    searcher = Searcher(index, documents, "gpu")
    rows, scores = searcher.find(queries, depth)
    assert np.array_equal(rows, exact)
    assert np.array_equal(scores, exact_scores)
    assert searcher.compared_with_all == (len(queries) if spread < 1 else 0)


@pytest.mark.parametrize("depth", [210, 1_500])
def test_few_queries_are_in_doubt_and_none_is_left_so(
    tmp_path: Path, cards: list[int], depth: int
) -> None:
    """Vectors in clusters, as those of texts are."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(40, 64))

    def draw(count: int) -> np.ndarray:
        vectors = centres[random.integers(40, size=count)] + random.normal(size=(count, 64))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    documents, queries = make_table(tmp_path / "d.arrow", draw(20_000)), draw(200)
    exact = Searcher(flat_index(documents), documents).find(queries, depth)
    searcher = Searcher(fill_flat_index(documents, [0]), documents, "gpu")
    found = searcher.find(queries, depth)
    assert np.array_equal(found[0], exact[0])
    assert np.array_equal(found[1], exact[1])
    assert searcher.searched_again < 0.02 * len(queries)
    assert searcher.compared_with_all <= searcher.searched_again


def test_equal_documents_that_a_card_cannot_tell_apart_are_ordered_within_the_memory(
    tmp_path: Path, cards: list[int]
) -> None:
    copies = np.repeat(unit_vectors(1), 4_000, 0)
    documents = make_table(tmp_path / "d.arrow", np.concatenate([copies, unit_vectors(500)]))
    queries = np.concatenate([unit_vectors(40, seed=1), copies[:10]])
    exact = Searcher(flat_index(documents), documents).find(queries, 100)
    searcher = Searcher(fill_flat_index(documents, [0]), documents, "gpu")
    tracemalloc.start()
    found = searcher.find(queries, 100, memory_mb=16)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(found[0], exact[0])
    assert np.array_equal(found[1], exact[1])
    assert 10 <= searcher.compared_with_all == searcher.searched_again
    assert peak < 16 << 20


def test_each_card_gets_its_part_in_blocks(
    tmp_path: Path, cards: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = make_table(tmp_path / "d.arrow", unit_vectors(101))
    vectors = documents.take(np.arange(101))
    blocks = [vectors[start : start + 20] for start in range(0, 101, 20)]
    monkeypatch.setattr(documents, "blocks", lambda: iter(blocks))
    index = fill_flat_index(documents, [0, 1])
    assert index.ntotal == 101
    assert cards == [0, 0, 0, 1, 1, 1, 1]
    _, rows = index.search(vectors, 1)
    assert rows[:, 0].tolist() == list(range(101))


def test_faiss_that_ends_the_process_is_noticed_in_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        gpu_index, "PROBE", "import os, sys; sys.stderr.write('no kernel image\\n'); os.abort()"
    )
    assert why_not_usable([0]) == "FAISS fails on the GPU: no kernel image"
    vectors = make_table(tmp_path / "d.arrow", unit_vectors(9))
    index = flat_index(vectors)
    found, choice = place_index(index, vectors, FaissChoice("gpu", "asked for", cards=(0,)), 3)
    assert found is index
    assert choice == FaissChoice("cpu", "FAISS fails on the GPU: no kernel image", fell_back=True)


def test_the_probe_fails_where_faiss_has_no_gpu_support() -> None:
    assert "GpuIndexFlatConfig" in why_not_usable([0])


def test_faiss_that_hangs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_index, "PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(gpu_index, "PROBE_SECONDS", 1.0)
    assert why_not_usable([0]) == "FAISS gave no answer on the GPU in 1 s"


def test_a_depth_that_cards_cannot_reach_is_searched_on_the_cpu(tmp_path: Path) -> None:
    vectors = make_table(tmp_path / "d.arrow", unit_vectors(9))
    index = flat_index(vectors)
    found, choice = place_index(index, vectors, FaissChoice("gpu", "asked for", cards=(0,)), 3000)
    assert found is index
    assert (choice.value, choice.fell_back) == ("cpu", True)
    assert "at most 2032 documents on a GPU, not 3000" in choice.reason


def test_an_index_that_cards_do_not_have_is_searched_on_the_cpu(
    tmp_path: Path, cards: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def clone(index: Any, co: Any, gpus: list[int]) -> str:
        asked.append((co.shard, co.useFloat16, gpus))
        if len(asked) == 1:
            raise RuntimeError("Error in clone\nnot implemented for HNSW")
        return "there"

    options = type("Options", (), {})
    monkeypatch.setattr(faiss, "GpuMultipleClonerOptions", options, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_gpus_list", clone, raising=False)
    vectors = make_table(tmp_path / "d.arrow", unit_vectors(9))
    index, wanted = faiss.IndexHNSWFlat(16, 8), FaissChoice("gpu", "asked for", cards=(1,))
    _, choice = place_index(index, vectors, wanted, 3)
    assert (choice.value, choice.fell_back) == ("cpu", True)
    assert "not implemented for HNSW" in choice.reason
    assert place_index(index, vectors, wanted, 3) == ("there", wanted)
    assert asked == [(True, True, [1])] * 2


def test_faiss_takes_the_cards_that_compute_device_names(
    cards: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))

    def choose(**settings: str) -> FaissChoice:
        return choose_faiss_device(ComputeSettings.model_validate(settings))

    assert choose().cards == (0, 1)
    assert choose(device="cuda:1").cards == (1,)
    on_cpu = choose(device="cpu", faiss_device="gpu")
    assert (on_cpu.value, on_cpu.fell_back) == ("cpu", True)
    assert on_cpu.reason == "compute.device names no card but cpu"


def test_faiss_without_gpu_support_is_no_silent_fallback() -> None:
    choice = choose_faiss_device(ComputeSettings(faiss_device="gpu"))
    assert (choice.value, choice.fell_back) == ("cpu", True)
    assert "the extra `gpu`" in choice.reason
    asked_for = choose_faiss_device(ComputeSettings(faiss_device="cpu"))
    assert asked_for == FaissChoice("cpu", "asked for")


def test_two_builds_of_faiss_over_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"faiss": ["faiss-cpu", "faiss-gpu"]}
    monkeypatch.setattr("hn_assets.hardware.packages_distributions", lambda: both)
    with pytest.raises(SettingsError, match="pip uninstall -y faiss-cpu faiss-gpu, then pip in"):
        choose_faiss_device(ComputeSettings())
