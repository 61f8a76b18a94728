"""What a lower precision costs: vectors and nearest texts against float32's, on a sample."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key
from hn_assets.encoding.vectors.vector_file import Vectors
from hn_assets.store.atomic_files import replace_file
from hn_assets.store.checked_json import checked_json, with_checksum

SAMPLE = 256  # texts: some seconds on two CPU cores, once per model
NEIGHBOURS = 100
LOSS_FILE = "precision_loss.json"


@dataclass(frozen=True)
class PrecisionLoss:
    """Vectors of a lower precision against float32's of the same texts.

    Attributes:
        texts: How many texts the sample holds.
        cosine_mean: The mean cosine of a text's two vectors.
        cosine_min: The lowest cosine of a text's two vectors.
        neighbours: How many nearest texts within the sample were compared.
        overlap: The share of the nearest texts by float32 that are nearest here, too.
    """

    texts: int
    cosine_mean: float
    cosine_min: float
    neighbours: int
    overlap: float


def compare(vectors: Vectors, exact: Vectors) -> PrecisionLoss:
    """The loss of `vectors` against `exact`, both float32 of shape (texts, dimension).

    >>> compare(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)).cosine_mean
    1.0
    """
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(exact, axis=1)
    cosines = (vectors * exact).sum(axis=1) / np.maximum(norms, 1e-12)
    count = min(NEIGHBOURS, max(1, len(vectors) // 2))
    overlaps = [
        len(np.intersect1d(a, b)) / count
        for a, b in zip(_nearest(vectors, count), _nearest(exact, count), strict=True)
    ]
    return PrecisionLoss(
        texts=len(vectors),
        cosine_mean=round(float(cosines.mean()), 6),
        cosine_min=round(float(cosines.min()), 6),
        neighbours=count,
        overlap=round(float(np.mean(overlaps)), 4),
    )


def measure_precision_loss(
    cache: VectorCache,
    texts: Callable[[], Sequence[str]],
    kind: Kind,
    exact_encoder: Callable[[], Encoder],
) -> PrecisionLoss | None:
    """The loss of the vectors in `cache`; measured once, then kept beside them.

    Args:
        cache: The cache of vectors in a precision below float32.
        texts: Gives a sample of texts that have vectors there; called if the loss is not known.
        kind: Whether the texts are queries or passages.
        exact_encoder: Makes an encoder of the same model in float32; called for measuring.

    Returns:
        None if there are fewer than two texts to compare.
    """
    path = cache.folder / LOSS_FILE
    try:
        return checked_json(path.read_bytes(), PrecisionLoss, checksum_required=False)
    except (OSError, ValueError):
        pass  # it was never measured, or is damaged
    sample = texts()
    if len(sample) < 2:
        return None
    ours = cache.take(cache.find([text_key(text) for text in sample]))
    loss = compare(ours, exact_encoder().encode(sample, kind))
    replace_file(path, with_checksum(asdict(loss)).encode())
    return loss


def _nearest(vectors: Vectors, count: int) -> NDArray[np.int64]:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :count]
