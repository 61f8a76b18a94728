"""Cards for FAISS: stand-ins on the CPU that store and compute in float16 as theirs do."""

from typing import Any

import faiss
import numpy as np
import pytest

from hn_assets.retrieval import gpu_index


class Resources:
    """Of a card."""


class Config:
    """Which card, and how vectors are stored."""

    device = 0
    useFloat16 = False  # noqa: N815


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A FAISS with two cards; the numbers of those that got vectors, one for each block."""
    used: list[int] = []

    def flat(resources: Resources, dimension: int, config: Config) -> Any:
        assert config.useFloat16
        kind = faiss.ScalarQuantizer.QT_fp16
        index: Any = faiss.IndexScalarQuantizer(dimension, kind, faiss.METRIC_INNER_PRODUCT)
        add, search = index.add, index.search
        index.add = lambda block: (used.append(config.device), add(block))[1]
        # A card rounds the queries, too.
        index.search = lambda queries, k: search(queries.astype(np.float16).astype(np.float32), k)
        return index

    monkeypatch.setattr(faiss, "GpuIndexFlatIP", flat, raising=False)
    monkeypatch.setattr(faiss, "GpuIndexFlatConfig", Config, raising=False)
    monkeypatch.setattr(faiss, "StandardGpuResources", Resources, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 2, raising=False)
    monkeypatch.setattr(gpu_index, "why_not_usable", lambda cards: "")
    return used
