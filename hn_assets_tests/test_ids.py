"""Ids that Arrow keeps are what a list of strings would be."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets import ids as module
from hn_assets.ids import Ids

TEXTS = st.lists(st.text(max_size=3), unique=True, max_size=30)


@given(TEXTS, TEXTS)
def test_rows_and_places_are_those_of_a_list(texts: list[str], wanted: list[str]) -> None:
    ids = Ids(texts)
    assert list(ids) == texts and len(ids) == len(texts) and ids == texts
    assert ids == Ids(pa.chunked_array([texts[:2], texts[2:]], pa.string()))
    rows = [texts.index(one) if one in texts else -1 for one in wanted]
    assert ids.rows_of(wanted).tolist() == rows
    assert ids.rows_of(pa.array(wanted, pa.string())).tolist() == rows
    assert ids.places().tolist() == [sorted(texts).index(one) for one in texts]
    chosen = np.array([row for row in rows if row >= 0], np.int64)
    assert ids.take(chosen).type == pa.string()
    assert ids.take(chosen).to_pylist() == list(ids.select(chosen)) == [texts[r] for r in chosen]
    assert [ids[int(row)] for row in chosen] == [texts[r] for r in chosen]
    assert ids[1:3] == texts[1:3]


def test_more_ids_than_are_strings_at_once() -> None:
    texts = [f"{n}" for n in range(2 * module.IDS_AT_ONCE + 5)]
    ids = Ids(texts)
    assert list(ids) == texts
    rows = np.array([0, module.IDS_AT_ONCE, len(texts) - 1])
    assert ids.rows_of(texts[r] for r in rows).tolist() == rows.tolist()


def test_an_id_that_stands_in_two_rows_cannot_be_looked_up() -> None:
    with pytest.raises(ValueError, match="the id 'b' stands in two rows"):
        Ids(["a", "b", "c", "b"]).rows_of(["a"])


def test_ids_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes, used = module._hashes, []

    def collide(column: pa.LargeStringArray, hash_key: str) -> np.ndarray:
        used.append(hash_key)
        found = hashes(column, hash_key)
        return np.zeros_like(found) if hash_key == module._HASH_KEYS[0] else found

    monkeypatch.setattr(module, "_hashes", collide)
    ids = Ids(["a", "b"])
    assert ids.rows_of(["b", "c", "a"]).tolist() == [1, -1, 0]
    assert len(set(used)) == 2


def test_an_unknown_id_with_the_hash_of_a_known_one_is_not_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_hashes", lambda column, _: np.ones(len(column), np.uint64))
    assert Ids(["a"]).rows_of(["a", "z"]).tolist() == [0, -1]
