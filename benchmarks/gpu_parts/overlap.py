"""The whole encoder beside its forward passes alone: what waits for what."""

import time
from typing import Any

from benchmarks.gpu_parts.base import MAX_LENGTH, Row, Setting, bundled_folder
from hn_assets.encoding.batching import cut_batches
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.encoder import Encoder


def run(setting: Setting) -> list[Row]:
    """A row per model: tokens per second of tokenising, of computing, and of both together."""
    rows: list[Row] = []
    for shape in ("minilm", "bert-base"):
        folder = bundled_folder(setting) if shape == "minilm" else setting.random_model(shape)
        texts = setting.texts[: 64 if setting.small else 20_000]
        model = setting.load(folder, setting.half[0])
        encoder = Encoder(model, devices=[setting.device])
        tokenizer: Any = model.embedder.tokenizer
        encoder.encode(texts[:256], "passage")
        start = time.perf_counter()
        ids = encoder.tokenize(texts) if hasattr(encoder, "tokenize") else _ids(tokenizer, texts)
        tokenising = time.perf_counter() - start
        tokens = sum(map(len, ids))
        start = time.perf_counter()
        batches = cut_batches(
            ids,
            max_length=MAX_LENGTH,
            max_tokens_per_batch=encoder.max_tokens_per_batch,
            pad=tokenizer.pad_token_id or 0,
        )
        cutting = time.perf_counter() - start
        device_model = DeviceModel(model, setting.device)
        start = time.perf_counter()
        for _ in device_model.compute(batches):
            pass
        setting.synchronize()
        computing = time.perf_counter() - start
        start = time.perf_counter()
        encoder.encode(texts, "passage")
        whole = time.perf_counter() - start
        rows.append(
            {
                "model": shape,
                "tokens": f"{tokens:,}",
                "seconds tokenising": f"{tokenising:.2f}",
                "seconds cutting batches": f"{cutting:.2f}",
                "batches": len(batches),
                "fill": f"{tokens / sum(batch.tokens.size for batch in batches):.3f}",
                "seconds computing": f"{computing:.2f}",
                "seconds of all": f"{whole:.2f}",
                "share of the time that computing takes": f"{computing / whole:.0%}",
                "tokens/s": f"{tokens / whole:,.0f}",
            }
        )
        encoder.close()
    return rows


def _ids(tokenizer: Any, texts: list[str]) -> list[Any]:
    import numpy as np

    found = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
    return [np.array(row, np.int32) for row in found]
