"""Vectors of one's own: searched exactly, in any order of the file, and refused with their id."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from hn_assets.errors import RetrieverError
from hn_assets.retrievers import RetrieverInputs
from hn_assets.retrievers.kinds.vectors import VectorsSettings
from hn_assets_tests.retrievers.retrieve import Found, inputs_in, retrieve

DIMENSION = 5
DOCUMENTS = [f"d{number}" for number in range(40)]
QUERIES = ["q1", "q2", "q3"]
RANDOM = np.random.default_rng(0)
VECTORS = {
    name: RANDOM.standard_normal(DIMENSION).astype(np.float32) * RANDOM.uniform(0.5, 2)
    for name in [*DOCUMENTS, *QUERIES]
}
VECTORS["d7"] = VECTORS["d12"] = VECTORS["d3"]  # equal scores


@pytest.fixture
def inputs(tmp_path: Path) -> RetrieverInputs:
    return inputs_in(
        tmp_path, dict.fromkeys(DOCUMENTS, "text"), dict.fromkeys(QUERIES, "text"), memory_mb=1
    )


def write_table(path: Path, ids: Any, vectors: Any, kind: pa.DataType | None = None) -> None:
    kind = kind or pa.list_(pa.float32())
    table = pa.table({"vector": pa.array(vectors, kind), "id": pa.array(ids)})
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=7)
    else:
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=7)


def write_files(folder: Path, kind: str, names: list[str], stem: str) -> dict[str, str]:
    """Write vectors in another order than the dataset's, with one that it does not have."""
    ids = [*names[::-1], "unknown"]
    vectors = [VECTORS.get(name, np.ones(DIMENSION, np.float32)) for name in ids]
    if kind == "npy":
        np.save(folder / f"own-{stem}.npy", np.array(vectors, np.float16))
        (folder / f"own-{stem}.txt").write_text("\n".join(ids) + "\n")
        return {stem: f"own-{stem}.npy", f"{stem}_ids": f"own-{stem}.txt"}
    types: dict[str, pa.DataType] = {
        "parquet": pa.list_(pa.float64()),
        "arrow": pa.list_(pa.float32(), DIMENSION),
        "feather": pa.large_list(pa.float32()),
    }
    write_table(folder / f"own-{stem}.{kind}", ids, [v.tolist() for v in vectors], types[kind])
    return {stem: f"own-{stem}.{kind}"}


def settings_of(folder: Path, kind: str, **more: Any) -> VectorsSettings:
    files = {
        **write_files(folder, kind, DOCUMENTS, "corpus"),
        **write_files(folder, kind, QUERIES, "queries"),
    }
    return VectorsSettings.model_validate({"type": "vectors", **files, **more})


def expected(depth: int, *, normalize: bool, in_float16: bool = False) -> Found:
    """By NumPy alone."""

    def read(names: list[str]) -> np.ndarray:
        stored = np.array([VECTORS[name] for name in names])
        exact = stored.astype(np.float16 if in_float16 else np.float32).astype(np.float64)
        if normalize:
            exact /= np.linalg.norm(exact, axis=1, keepdims=True)
        return exact.astype(np.float32).astype(np.float64)

    scores = read(QUERIES) @ read(DOCUMENTS).T
    found: Found = {}
    for query, row in zip(QUERIES, scores.astype(np.float32), strict=True):
        ranked = sorted(zip(DOCUMENTS, row.tolist(), strict=True), key=lambda r: (-r[1], r[0]))
        found[query] = ranked[:depth]
    return found


@pytest.mark.parametrize("kind", ["parquet", "arrow", "feather", "npy"])
@pytest.mark.parametrize("normalize", [True, False])
def test_vectors_are_searched_exactly_in_every_form(
    kind: str, normalize: bool, inputs: RetrieverInputs
) -> None:
    settings = settings_of(inputs.base, kind, normalize=normalize, name="mine")
    found, report = retrieve(settings, inputs, 12)
    wanted = expected(12, normalize=normalize, in_float16=kind == "npy")
    for query, ranked in wanted.items():
        assert [document for document, _ in found[query]] == [document for document, _ in ranked]
        for (_, score), (_, exact) in zip(found[query], ranked, strict=True):
            assert score == pytest.approx(exact, abs=1e-6)
    figures = report.figures()
    assert figures["scores_are"] == ("cosines" if normalize else "inner products")
    assert (figures["vectors_of_no_document"], figures["vectors_of_no_query"]) == (1, 1)


def test_the_whole_corpus_is_ranked_if_the_depth_is_beyond_it(inputs: RetrieverInputs) -> None:
    found, report = retrieve(settings_of(inputs.base, "parquet"), inputs, 100)
    assert {len(ranked) for ranked in found.values()} == {len(DOCUMENTS)}
    assert (report.depth, report.depth_wanted) == (len(DOCUMENTS), 100)


ALL = [VECTORS[name].tolist() for name in DOCUMENTS]


def changed(place: int, value: list[float]) -> list[list[float]]:
    return [value if row == place else vector for row, vector in enumerate(ALL)]


def table(
    ids: Any = DOCUMENTS, vectors: Any = ALL, kind: pa.DataType | None = None
) -> Callable[[Path], None]:
    return lambda path: write_table(path, ids, vectors, kind)


def array(values: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.save(path, values)


NPY = np.array(ALL, np.float32)
BAD = {
    "gone": ("a.parquet", lambda path: None, r"a.parquet is not there.*set `corpus`"),
    "missing": (
        "b.parquet",
        table(DOCUMENTS[:-2], ALL[:-2]),
        r"b.parquet: document 'd38' does not have a vector, nor do 1 more of 40",
    ),
    "duplicate": (
        "c.parquet",
        table([*DOCUMENTS, "d5"], [*ALL, ALL[0]]),
        r"c.parquet: document 'd5' has two vectors",
    ),
    "nan": ("d.arrow", table(vectors=changed(3, [1, 2, np.nan, 4, 5])), r"'d3' holds NaN or inf"),
    "infinite": ("e.arrow", table(vectors=changed(9, [np.inf] * 5)), r"'d9' holds NaN or inf"),
    "zero": ("f.parquet", table(vectors=changed(4, [0.0] * 5)), r"'d4' is 0 in every component"),
    "ragged": (
        "g.parquet",
        table(vectors=changed(2, [1.0] * 4)),
        r"the vector of 'd2' has 4 components, those before it have 5",
    ),
    "ragged later": (
        "h.parquet",
        table(vectors=[v[:4] if row >= 14 else v for row, v in enumerate(ALL)]),
        r"the vector of 'd14' has 4 components, those before it have 5",
    ),
    "whole numbers": (
        "i.parquet",
        table(vectors=[[1, 2]] * 40, kind=pa.list_(pa.int8())),
        r"i.parquet: the column vector holds list<.*int8>, not lists of float32",
    ),
    "no list": ("j.parquet", table(vectors=[1.0] * 40, kind=pa.float32()), r"holds float, not l"),
    "null": ("k.parquet", table(vectors=[*ALL[:-1], None]), r"k.parquet, row 40: vector is miss"),
    "null component": ("l.parquet", table(vectors=[*ALL[:-1], [None] * 5]), r"lacks a component"),
    "ids": ("m.parquet", table(ids=[0.5] * 40), r"column id holds double, not texts"),
    "columns": (
        "n.parquet",
        lambda path: pq.write_table(pa.table({"id": ["d1"], "embedding": [[1.0]]}), path),
        r"n.parquet: no column vector; the columns are id, embedding",
    ),
    "kind": ("o.csv", lambda path: path.write_text("id,vector\n"), r"o.csv: vectors are read fro"),
    "damaged": ("p.arrow", lambda path: path.write_bytes(b"ARROW1 and more"), r"p.arrow, after r"),
    "dimension": (
        "q.parquet",
        table(vectors=[v[:4] for v in ALL]),
        r"q.parquet has vectors of 4 components, .*queries.parquet of 5: they are of two",
    ),
    "npy dtype": ("r.npy", array(NPY.astype(np.int32)), r"r.npy holds int32 of shape \(40, 5\)"),
    "npy shape": ("s.npy", array(NPY[0]), r"s.npy holds float32 of shape \(5,\)"),
    "npy objects": ("t.npy", array(np.array([{}])), r"t.npy is no .npy file of numbers"),
    "npy count": ("u.npy", array(NPY[:-1]), r"ids.txt has 40 ids, and .*u.npy has 39 vectors"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_vectors_are_refused_with_their_id_or_row_and_a_remedy(
    kind: str, inputs: RetrieverInputs
) -> None:
    name, write, message = BAD[kind]
    write(inputs.base / name)
    (inputs.base / "ids.txt").write_text("\n".join(DOCUMENTS))
    settings = VectorsSettings.model_validate(
        {
            "type": "vectors",
            "corpus": name,
            **({"corpus_ids": "ids.txt"} if name.endswith(".npy") else {}),
            **write_files(inputs.base, "parquet", QUERIES, "queries"),
        }
    )
    with pytest.raises(RetrieverError, match=message):
        retrieve(settings, inputs, 5)


def test_too_large_components_are_refused_where_length_is_kept(inputs: RetrieverInputs) -> None:
    settings = settings_of(inputs.base, "parquet", normalize=False)
    huge = changed(6, [1e39, 0, 0, 0, 0])
    write_table(inputs.base / "large.parquet", DOCUMENTS, huge, pa.list_(pa.float64()))
    settings = settings.model_copy(update={"corpus": "large.parquet"})
    with pytest.raises(RetrieverError, match="'d6' has a component that float32 cannot hold"):
        retrieve(settings, inputs, 5)


def test_an_array_needs_its_ids_and_a_table_none() -> None:
    for given, message in (
        ({"corpus": "a.npy", "queries": "b.parquet"}, "name the file of its ids as corpus_ids"),
        (
            {"corpus": "a.arrow", "queries": "b.arrow", "queries_ids": "c"},
            "queries_ids is for an .npy file",
        ),
    ):
        with pytest.raises(ValidationError, match=message):
            VectorsSettings.model_validate({"type": "vectors", **given})


def test_it_depends_on_the_bytes_of_every_file(inputs: RetrieverInputs) -> None:
    settings = settings_of(inputs.base, "npy")
    before = settings.identify(inputs)
    assert set(before) == {"corpus", "corpus_ids", "queries", "queries_ids"}
    (inputs.base / "own-queries.txt").write_text("other")
    assert {k for k, v in settings.identify(inputs).items() if v != before[k]} == {"queries_ids"}
