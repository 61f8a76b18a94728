"""Exact search in float16 on the card: time, error, and the same best documents as the CPU's.

Where FAISS has no GPU build, PyTorch computes what its index would: the same products of vectors
stored in float16, and a selection of the best.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu_parts.base import Row, Setting

DIMENSION = 768


def run(setting: Setting) -> Iterator[Row]:
    """A row per number of documents and depth."""
    import torch

    dimension, queries = (32, 20) if setting.small else (DIMENSION, 1024)
    for count in (2_000,) if setting.small else (1_000_000, 10_000_000):
        corpus = _vectors(setting, count, dimension, seed=0)
        asked = _vectors(setting, queries, dimension, seed=1)
        for depth in (20,) if setting.small else (226, 452, 2048):
            found: list[Any] = []

            def search(
                corpus: Any = corpus, asked: Any = asked, depth: int = depth, found: Any = found
            ) -> None:
                found[:] = [_search(corpus, asked, depth)]

            seconds = setting.timed(search, repeats=3, warm=1)
            yield {
                "documents": f"{count:,}",
                "depth": depth,
                "queries/s": f"{queries / seconds:,.0f}",
                "GB/s of documents read": f"{corpus.numel() * 2 / seconds / 1e9:,.0f}",
                **(_against_cpu(corpus, asked, found[0]) if count <= 1_000_000 else {}),
            }
        del corpus
        if setting.has_card:
            torch.cuda.empty_cache()


def _vectors(setting: Setting, count: int, dimension: int, seed: int) -> Any:
    """Unit vectors that lie in clusters, as those of texts do; float16 on the device."""
    import torch

    generator = torch.Generator(setting.device).manual_seed(seed)
    shared = torch.Generator(setting.device).manual_seed(99)
    centres = torch.randn(1000, dimension, generator=shared, device=setting.device)
    out = torch.empty(count, dimension, dtype=torch.float16, device=setting.device)
    for start in range(0, count, 1 << 20):
        part = out[start : start + (1 << 20)]
        noise = torch.randn(*part.shape, generator=generator, device=setting.device)
        picked = torch.randint(1000, (len(part),), generator=generator, device=setting.device)
        part[:] = torch.nn.functional.normalize(centres[picked] + 1.5 * noise, dim=1)
    return out


def _search(corpus: Any, asked: Any, depth: int) -> tuple[Any, Any]:
    import torch

    best: tuple[Any, Any] | None = None
    step = 1 << 18
    for start in range(0, len(corpus), step):
        scores = (asked @ corpus[start : start + step].T).float()
        values, places = scores.topk(min(depth, scores.shape[1]), dim=1)
        places += start
        if best is not None:
            values = torch.cat([best[0], values], dim=1)
            places = torch.cat([best[1], places], dim=1)
            values, order = values.topk(min(depth, values.shape[1]), dim=1)
            places = places.gather(1, order)
        best = values, places
    assert best is not None
    return best


def _against_cpu(corpus: Any, asked: Any, found: tuple[Any, Any], sample: int = 200) -> Row:
    """The error of the scores, and how many queries have the documents of FAISS on the CPU."""
    import faiss

    exact = corpus.float().cpu().numpy()
    wanted = asked[:sample].float().cpu().numpy()
    depth = found[0].shape[1]
    index: Any = faiss.IndexFlatIP(exact.shape[1])
    index.add(exact)
    scores, rows = index.search(wanted, depth)
    theirs = found[1][:sample].cpu().numpy()
    error = np.abs(found[0][:sample].cpu().numpy() - scores).max()
    same = [len(np.intersect1d(a, b)) == depth for a, b in zip(rows, theirs, strict=True)]
    return {
        "largest error of a score": f"{error:.1e}",
        "queries with the CPU's documents": f"{sum(same)} of {len(same)}",
    }
