"""The whole encoder beside its forward passes alone: what waits for what."""

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu_parts.base import MAX_LENGTH, Row, Setting, bundled_folder
from hn_assets.encoding.batches.batching import cut_batches
from hn_assets.encoding.batches.tokenizing import TextTokenizer
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.devices.forward_cost import forward_cost
from hn_assets.encoding.encoder import Encoder


def run(setting: Setting) -> Iterator[Row]:
    """A row per model: seconds of tokenising, of computing, and of both at the same time."""
    for shape in ("minilm", "bert-base"):
        folder = bundled_folder(setting) if shape == "minilm" else setting.random_model(shape)
        texts = setting.texts[: 64 if setting.small else 33_000]
        model = setting.load(folder, setting.half[0])
        encoder = Encoder(model, devices=[setting.device])
        report = encoder.device_report()
        tokenizer: Any = model.embedder.tokenizer
        encoder.encode(texts[:512], "passage")
        start = time.perf_counter()
        ids = TextTokenizer(tokenizer).tokenize(texts, MAX_LENGTH).ids
        tokenising = time.perf_counter() - start
        lengths = [len(row) for row in ids]
        start = time.perf_counter()
        batches = cut_batches(
            ids,
            max_length=MAX_LENGTH,
            max_tokens_per_batch=encoder.max_tokens_per_batch,
            pad=tokenizer.pad_token_id or 0,
            layout=report.layout,
        )
        cutting = time.perf_counter() - start
        device_model = DeviceModel(model, setting.device)
        start = time.perf_counter()
        for _ in device_model.compute(batches):
            pass
        setting.synchronize()
        computing = time.perf_counter() - start
        encoder.stats.waited_for_tokens = 0.0
        start = time.perf_counter()
        encoder.encode(texts, "passage")
        whole = time.perf_counter() - start
        flops = forward_cost(model.embedder.model.config).of(lengths)
        yield {
            "model": shape,
            "attention": report.attention,
            "tokens": f"{sum(lengths):,}",
            "seconds tokenising": f"{tokenising:.2f}",
            "cutting batches": f"{cutting:.2f}",
            "computing": f"{computing:.2f}",
            "all at once": f"{whole:.2f}",
            "waited for tokens": f"{encoder.stats.waited_for_tokens / whole:.0%}",
            "batches": len(batches),
            "fill": f"{sum(lengths) / sum(batch.tokens.size for batch in batches):.3f}",
            "tokens/s": f"{sum(lengths) / whole:,.0f}",
            "TFLOP/s computing": f"{flops / computing / 1e12:.1f}",
        }
        encoder.close()
