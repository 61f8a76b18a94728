"""What the card computes when nothing waits: token ids are there, vectors stay."""

from collections.abc import Iterator
from typing import Any

from benchmarks.gpu_parts.base import Row, Setting
from hn_assets.encoding.devices.card import PRODUCT_SIZE, matrix_product_rate
from hn_assets.encoding.devices.forward_cost import forward_cost

LENGTH = 168  # tokens of an abstract, about the mean


def run(setting: Setting) -> Iterator[Row]:
    """A row per shape of model and number of tokens at once."""
    import torch

    precision = setting.half[0]
    peak = matrix_product_rate(setting.device, precision, 256 if setting.small else PRODUCT_SIZE)
    for shape in ("minilm", "bert-base", "bert-large"):
        model: Any = setting.load(setting.random_model(shape), precision).embedder.model
        model = model.eval().to(setting.device)
        for tokens in (512,) if setting.small else (8_192, 65_536, 262_144):
            for masked in (False, True):
                if masked and tokens == 262_144:
                    continue
                texts = max(1, tokens // LENGTH)
                ids = torch.randint(1000, 20000, (texts, LENGTH), device=setting.device)
                mask = None
                if masked:
                    lengths = torch.randint(LENGTH - 8, LENGTH, (texts, 1), device=setting.device)
                    mask = (torch.arange(LENGTH, device=setting.device) < lengths).long()

                def forward(model: Any = model, ids: Any = ids, mask: Any = mask) -> None:
                    with torch.no_grad():
                        model(input_ids=ids, attention_mask=mask)

                try:
                    seconds = setting.timed(forward)
                except torch.OutOfMemoryError:
                    yield {"shape": shape, "tokens at once": tokens, "tokens/s": "no memory"}
                    continue
                flops = forward_cost(model.config).of([LENGTH] * texts)
                yield {
                    "shape": shape,
                    "tokens at once": tokens,
                    "mask": "padded" if masked else "none",
                    "tokens/s": f"{texts * LENGTH / seconds:,.0f}",
                    "TFLOP/s": f"{flops / seconds / 1e12:.1f}",
                    "share of the peak of a product": f"{flops / seconds / peak:.0%}",
                }
