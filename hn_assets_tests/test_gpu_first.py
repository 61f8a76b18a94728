"""The script for a card's first minutes runs where there is none, in small."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import gpu_first
from benchmarks.gpu_pack import unpack, write_archive, write_texts
from benchmarks.gpu_parts import half_index
from hn_assets.retrieval.faiss_index import flat_index
from hn_assets.retrieval.searcher import Searcher
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.retrieval.vector_tables import make_table, unit_vectors
from hn_assets_tests.test_component import ROOT


def run(folder: Path, parts: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the parts gave; each has a process of its own."""
    where = ["--out", str(folder / "out"), "--scratch", str(folder / "scratch")]
    monkeypatch.setattr("sys.argv", ["gpu_first", "--small", "--parts", parts, *where])
    monkeypatch.chdir(ROOT)
    gpu_first.main()
    return found_in(folder)


def found_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out" / "gpu_first.json").read_text())


def test_parts_give_tables_and_one_that_fails_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gpu_first.SECONDS, "no_such_part", 120)
    with pytest.raises(SystemExit, match="parts that failed: no_such_part"):
        run(tmp_path, "setup,no_such_part,ceilings", monkeypatch)
    found = found_in(tmp_path)
    assert list(found) == ["setup", "no_such_part", "ceilings"]
    facts = {row["what"]: row["found"] for row in found["setup"]["rows"]}
    assert facts["torch"]
    assert "No module named 'benchmarks.gpu_parts.no_such_part'" in found["no_such_part"]["failed"]
    assert any(row["what"] == "matrix product, bfloat16" for row in found["ceilings"]["rows"])


@pytest.mark.soak
def test_every_part_runs_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = run(tmp_path, ",".join(gpu_first.SECONDS), monkeypatch)
    assert [name for name, result in results.items() if not result["rows"]] == []
    assert all(row["holds"] for row in results["correct"]["rows"])


def test_pytorch_stands_in_for_faiss_on_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(half_index, "ROWS", 256)
    documents = make_table(tmp_path / "d.arrow", unit_vectors(1_000, 32))
    queries = unit_vectors(20, 32, seed=1)
    index = half_index.HalfIndex(documents, "cpu")
    scores, rows = index.search(queries, 5)
    rounded = [v.astype(np.float16).astype(np.float32) for v in (queries, unit_vectors(1_000, 32))]
    products = rounded[0] @ rounded[1].T
    assert np.array_equal(rows, np.argsort(-products, axis=1)[:, :5])
    np.testing.assert_allclose(scores, np.take_along_axis(products, rows, 1), atol=1e-6)
    found = Searcher(index, documents, "gpu").find(queries, 300)
    exact = Searcher(flat_index(documents), documents).find(queries, 300)
    assert np.array_equal(found[0], exact[0])
    assert index.seconds > 0


def test_a_part_that_runs_out_of_time_shows_what_it_had() -> None:
    program = f"import time; print({gpu_first.ROW!r} + '{{}}', flush=True); time.sleep(600)"
    rows, failed = gpu_first.rows_printed_by([sys.executable, "-c", program], {}, limit=2)
    assert rows == [{}]
    assert "not done after 2 s" in failed


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    animals(tmp_path / "raw")
    write_texts(tmp_path / "raw", tmp_path / "texts.json.xz", most=3)
    (tmp_path / "pack").mkdir()
    write_archive(tmp_path / "pack" / "first.tar", [tmp_path / "texts.json.xz"])
    unpack(tmp_path / "pack", tmp_path / "there")
    assert len(json.loads((tmp_path / "there" / "texts.json").read_text(encoding="utf-8"))) == 3
