"""Choose negatives from a window so that nothing but seed, query id and document id decides."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_MASK = (1 << 64) - 1


def random_keys(query_ids: "pd.Series[str]", doc_ids: "pd.Series[str]", seed: int) -> NDArray:
    """A pseudo-random uint64 for each (query, document) pair; shape (pairs,).

    The `n` pairs of a query with the smallest keys are a uniform sample of its pairs: the same on
    every machine, and adding or removing other pairs moves none of them.
    """
    query_codes, queries = pd.factorize(query_ids)
    doc_codes, docs = pd.factorize(doc_ids)
    left = _hash_ids(queries, seed)[query_codes]
    right = _hash_ids(docs, seed)[doc_codes]
    return _mix(left + np.uint64(0x9E3779B97F4A7C15) * right)


def _hash_ids(ids: Iterable[str], seed: int) -> NDArray[np.uint64]:
    key = seed.to_bytes(8, "little") if seed <= _MASK else str(seed).encode()[:64]
    digests = (hashlib.blake2b(i.encode(), digest_size=8, key=key).digest() for i in ids)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): every bit moves all."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
