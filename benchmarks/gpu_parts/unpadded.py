"""Texts laid end to end beside padded batches, on real lengths of texts."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu_parts.base import MAX_LENGTH, Row, Setting
from hn_assets.encoding.devices.forward_cost import forward_cost
from hn_assets.encoding.devices.unpadded_attention import try_unpadded


def run(setting: Setting) -> Iterator[Row]:
    """A row per shape of model, number of tokens at once, and way."""
    import torch

    precision = setting.half[0]
    rng = np.random.default_rng(0)
    for shape in ("minilm", "bert-base", "bert-large"):
        model: Any = setting.load(setting.random_model(shape), precision).embedder.model
        model = model.eval().to(setting.device)
        unpadded, reason = try_unpadded(model, setting.device)
        for tokens in (512,) if setting.small else (8_192, 65_536, 262_144):
            count = max(2, tokens // 170)
            lengths = [int(n) for n in np.clip(rng.normal(170, 60, count), 16, MAX_LENGTH)]
            flops = forward_cost(model.config).of(lengths)
            ids = rng.integers(1000, 20000, sum(lengths)).astype(np.int32)
            longest = max(lengths)
            padded = torch.zeros(count, longest, dtype=torch.long, device=setting.device)
            mask = (torch.arange(longest)[None] < torch.tensor(lengths)[:, None]).long()
            mask = mask.to(setting.device)

            def plain(model: Any = model, padded: Any = padded, mask: Any = mask) -> None:
                with torch.no_grad():
                    model(input_ids=padded, attention_mask=mask)

            def laid_out(
                unpadded: Any = unpadded, ids: Any = ids, lengths: list[int] = lengths
            ) -> None:
                with torch.no_grad():
                    unpadded.forward(ids, np.array(lengths))

            ways = {"padded to the longest": plain}
            if unpadded is not None:
                ways["end to end"] = laid_out
            for way, work in ways.items():
                seconds = setting.timed(work)
                yield {
                    "shape": shape,
                    "tokens at once": sum(lengths),
                    "way": way,
                    "tokens/s": f"{sum(lengths) / seconds:,.0f}",
                    "TFLOP/s": f"{flops / seconds / 1e12:.1f}",
                    "trial": reason,
                }
