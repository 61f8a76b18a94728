"""FAISS's indexes on cards: whether they work there, and how the vectors get there."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from hn_assets.encoding.vectors.vector_file import VectorSource

# FAISS ends the process if a card fails it (a build without code for the card, say), which no
# handler sees. So a small search is tried in a process of its own.
PROBE = """
import sys
import faiss, numpy as np
vectors = np.random.default_rng(0).standard_normal((64, 32), np.float32)
for card in map(int, sys.argv[1].split(",")):
    config = faiss.GpuIndexFlatConfig()
    config.device, config.useFloat16 = card, True
    index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), 32, config)
    index.add(vectors)
    assert index.search(vectors[:1], 4)[1][0, 0] >= 0
"""
PROBE_SECONDS = 120.0


def why_not_usable(cards: Sequence[int]) -> str:
    """Try FAISS on these cards in another process; "" if it works there.

    Returns:
        Otherwise a phrase that says what happened.
    """
    command = [sys.executable, "-c", PROBE, ",".join(map(str, cards))]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"FAISS gave no answer on the GPU in {PROBE_SECONDS:.0f} s"
    if done.returncode == 0:
        return ""
    said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return f"FAISS fails on the GPU: {said[:200]}"


def fill_flat_index(vectors: VectorSource, cards: Sequence[int]) -> Any:
    """An exact index of inner products over `vectors`, in float16, each card with an equal part.

    The vectors go to a card block by block, so that main memory holds no copy of them.
    """
    import faiss

    gpu: Any = faiss
    count = len(vectors)
    ends = [count * (i + 1) // len(cards) for i in range(len(cards))]
    parts: list[Any] = []
    for card in cards:
        config = gpu.GpuIndexFlatConfig()
        config.device, config.useFloat16 = card, True
        resources = gpu.StandardGpuResources()
        part = gpu.GpuIndexFlatIP(resources, vectors.dimension, config)
        part.referenced_objects = [resources]  # they must live as long as the index
        parts.append(part)
    row, place = 0, 0
    for block in vectors.blocks():
        start = 0
        while start < len(block):
            step = min(len(block) - start, ends[place] - row)
            if step:
                parts[place].add(np.ascontiguousarray(block[start : start + step]))
            row, start = row + step, start + step
            if row == ends[place] and place < len(parts) - 1:
                place += 1
    if len(parts) == 1:
        return parts[0]
    # Rows of a later part follow those of the earlier ones.
    shards: Any = gpu.IndexShards(vectors.dimension, True, True)
    for part in parts:
        shards.add_shard(part)
    return shards


def clone_index(index: Any, cards: Sequence[int]) -> Any:
    """A copy of an index of another type on these cards, spread over them.

    Raises:
        RuntimeError: FAISS has no such index for GPUs.
    """
    import faiss

    gpu: Any = faiss
    options = gpu.GpuMultipleClonerOptions()
    options.shard = True
    options.useFloat16 = True
    return gpu.index_cpu_to_gpus_list(index, co=options, gpus=list(cards))
