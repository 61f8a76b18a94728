"""A card with too little memory for the batches that were asked for."""

import time

from benchmarks.gpu_parts.base import Row, Setting
from hn_assets.encoding.encoder import Encoder

SHARE = 0.02  # of the card's memory


def run(setting: Setting) -> list[Row]:
    """One row: whether encoding went on, and how."""
    import torch

    if not setting.has_card:
        return [{"tokens per batch": "", "outcome": "a CPU has no such limit"}]
    texts = setting.texts[:4_000]
    folder = setting.random_model("bert-base")
    rows: list[Row] = []
    for tokens in (65_536, 1_048_576):
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(SHARE)
        encoder = Encoder(
            setting.load(folder, setting.half[0]),
            devices=[setting.device],
            max_tokens_per_batch=tokens,
        )
        start = time.perf_counter()
        try:
            encoder.encode(texts, "passage")
            outcome = f"encoded in {time.perf_counter() - start:.1f} s"
        except Exception as error:
            outcome = f"failed: {type(error).__name__}: {str(error)[:160]}"
        rows.append({"tokens per batch": tokens, "outcome": outcome})
    torch.cuda.set_per_process_memory_fraction(1.0)
    return rows
