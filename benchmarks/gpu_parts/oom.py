"""A card with too little memory for the batches that were asked for."""

import time
from collections.abc import Iterator

from benchmarks.gpu_parts.base import Row, Setting, bundled_folder
from hn_assets.encoding.encoder import Encoder

SHARE = 0.01  # of the card's memory


def run(setting: Setting) -> Iterator[Row]:
    """A row per size of batch: whether encoding went on, and how."""
    import torch

    if not setting.has_card:
        yield {"tokens per batch": "", "outcome": "a CPU has no such limit"}
        return
    texts = setting.texts[:12_000]
    for tokens in (65_536, 2_097_152):
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(SHARE)
        encoder = Encoder(
            setting.load(bundled_folder(setting), setting.half[0]),
            devices=[setting.device],
            max_tokens_per_batch=tokens,
        )
        start = time.perf_counter()
        try:
            encoder.encode(texts, "passage")
            outcome = f"encoded in {time.perf_counter() - start:.1f} s"
        except Exception as error:
            outcome = f"failed: {type(error).__name__}: {str(error)[:160]}"
        most = encoder.device_report().max_tokens
        halved = f"{most:,}" if most else "never"
        yield {"tokens per batch": f"{tokens:,}", "outcome": outcome, "halved to": halved}
    torch.cuda.set_per_process_memory_fraction(1.0)
