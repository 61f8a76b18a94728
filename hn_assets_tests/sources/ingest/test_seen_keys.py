"""Keys are found again with their numbers, in whatever portions they came."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.sources.ingest.seen_keys import SeenKeys

KEYS = st.binary(min_size=16, max_size=16) | st.sampled_from(
    [bytes(16), b"a" * 16, b"a" * 15 + b"\0", b"a" * 8 + bytes(8), b"\xff" * 16]
)


@given(st.lists(st.lists(KEYS, max_size=9), max_size=9), st.lists(KEYS, min_size=1, max_size=9))
def test_it_is_a_dictionary(portions: list[list[bytes]], wanted: list[bytes]) -> None:
    expected: dict[bytes, int] = {}
    seen = SeenKeys()
    for portion in portions:
        found = seen.find(portion)
        assert found == [expected.get(key) for key in portion]
        new = {
            key: len(expected) + 2**63
            for key, had in zip(portion, found, strict=True)
            if had is None
        }
        seen.add(list(new), list(new.values()))
        expected.update(new)
    assert seen.find(wanted) == [expected.get(key) for key in wanted]


def test_few_runs_are_searched() -> None:
    seen, random = SeenKeys(), np.random.default_rng(0)
    for _ in range(100):
        seen.add([random.bytes(16) for _ in range(10)], [0] * 10)
    assert len(seen._runs) <= 8
