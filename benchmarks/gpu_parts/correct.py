"""Whether vectors from the card are those of the CPU in float32."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu_parts.base import Row, Setting, bundled_folder
from hn_assets.encoding.encoder import Encoder

LOWEST_COSINE = {"float32": 0.99999, "bfloat16": 0.999, "float16": 0.999}


def run(setting: Setting) -> Iterator[Row]:
    """A row per precision and size of batch."""
    texts = setting.texts[: 16 if setting.small else 512]
    folder = bundled_folder(setting)
    on_cpu = Setting("cpu", setting.texts_file, folder, setting.scratch, setting.small)
    exact = _encode(on_cpu, folder, "float32", texts, 4096)
    for precision in ["float32", *setting.half]:
        found: dict[int, NDArray[np.float32]] = {}
        for batch in (4096, 65536):
            found[batch] = _encode(setting, folder, precision, texts, batch)
            cosines = (found[batch] * exact).sum(axis=1)
            yield {
                "precision": precision,
                "tokens per batch": batch,
                "lowest cosine with the CPU's float32": f"{cosines.min():.6f}",
                "wanted": LOWEST_COSINE[precision],
                "holds": bool(cosines.min() >= LOWEST_COSINE[precision]),
                "largest difference from 4096": f"{_far(found[batch], found[4096]):.1e}",
                "mask against none": _mask_difference(setting, folder, precision, texts)
                if batch == 4096
                else "",
            }


def _encode(setting: Setting, folder: str, precision: str, texts: list[str], batch: int) -> Any:
    model = setting.load(folder, precision)
    encoder = Encoder(model, devices=[setting.device], max_tokens_per_batch=batch)
    try:
        return encoder.encode(texts, "passage")
    finally:
        encoder.close()


def _mask_difference(setting: Setting, folder: str, precision: str, texts: list[str]) -> str:
    """The largest difference that a mask makes which hides nothing."""
    import torch

    embedder: Any = setting.load(folder, precision).embedder
    model = embedder.model.eval().to(setting.device)
    ids = embedder.tokenizer(texts[:64], truncation=True, max_length=64)["input_ids"]
    whole = torch.tensor([row for row in ids if len(row) == 64], device=setting.device)
    if not len(whole):
        return "no text is long enough"
    with torch.no_grad():
        hidden = [
            model(input_ids=whole, attention_mask=mask).last_hidden_state.float()
            for mask in (None, torch.ones_like(whole))
        ]
    return f"{float((hidden[0] - hidden[1]).abs().max()):.1e}"


def _far(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.abs(a - b).max())
