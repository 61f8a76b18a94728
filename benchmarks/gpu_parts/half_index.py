"""What FAISS's exact index on a card computes, by PyTorch: for a FAISS without GPU support."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import Vectors, VectorSource

ROWS = 1 << 18  # of documents, whose products are held at once


class HalfIndex:
    """Vectors in float16 on a device, searched by inner products with queries in float16.

    Products are summed in float32, as FAISS's are. `search` is FAISS's.

    Args:
        vectors: The vectors to hold.
        device: The torch device that holds them.

    Attributes:
        d: Their dimension.
        ntotal: How many there are.
        seconds: What searches took so far, transfers included.
    """

    def __init__(self, vectors: VectorSource, device: str) -> None:
        import torch

        self.d, self.ntotal, self.seconds = vectors.dimension, len(vectors), 0.0
        self._held = torch.empty(self.ntotal, self.d, dtype=torch.float16, device=device)
        row = 0
        for block in vectors.blocks():
            copied = torch.from_numpy(block.copy()).to(device)  # a mapped file cannot be written to
            self._held[row : row + len(block)] = copied.half()
            row += len(block)
        # Some of cuBLAS's kernels would add partial sums in float16.
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and rows of the `k` best documents of each query, best first."""
        import torch

        start = time.perf_counter()
        asked = torch.from_numpy(queries).to(self._held.device).half()
        best: tuple[Any, Any] | None = None
        for first in range(0, self.ntotal, ROWS):
            part = self._products(asked, self._held[first : first + ROWS])
            scores, rows = part.topk(min(k, part.shape[1]), dim=1)
            rows += first
            if best is not None:
                scores, rows = torch.cat([best[0], scores], 1), torch.cat([best[1], rows], 1)
                scores, order = scores.topk(min(k, scores.shape[1]), dim=1)
                rows = rows.gather(1, order)
            best = scores, rows
        assert best is not None
        found = best[0].cpu().numpy(), best[1].cpu().numpy()
        self.seconds += time.perf_counter() - start
        return found

    def _products(self, asked: Any, held: Any) -> Any:
        import torch

        if asked.is_cuda:
            return torch.mm(asked, held.T, out_dtype=torch.float32)
        return asked.float() @ held.float().T
