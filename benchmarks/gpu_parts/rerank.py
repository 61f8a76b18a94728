"""A reranker's pairs per second beside FlagEmbedding's own loop and the forward passes alone."""

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu_parts.base import Row, Setting
from hn_assets.encoding.devices.forward_cost import forward_cost
from hn_assets.reranking.model import choose_precision, identify_reranker
from hn_assets.reranking.reranker import Reranker
from hn_assets.settings.teacher import TeacherSettings


def run(setting: Setting) -> Iterator[Row]:
    """A row per contender."""
    import torch

    texts = setting.texts[: 40 if setting.small else 6_000]
    pairs = [(" ".join(text.split()[:10]), texts[i - 1]) for i, text in enumerate(texts)]
    folder = setting.random_model("bert-base", labels=1)
    settings = TeacherSettings(model=folder, max_length=256)
    reranker = Reranker(
        identify_reranker(settings),
        settings,
        devices=[setting.device],
        precision=choose_precision("auto", setting.device).value,
    )
    reranker.score(pairs[:64])
    start = time.perf_counter()
    scores = reranker.score(pairs)
    ours = time.perf_counter() - start
    yield _row("hn_assets", len(pairs), ours)
    reranker.close()
    from FlagEmbedding import FlagAutoReranker

    flag: Any = FlagAutoReranker.from_finetuned(
        folder,
        model_class="encoder-only-base",
        use_fp16=setting.has_card,
        devices=[setting.device],
        batch_size=128,
        max_length=256,
    )
    flag.compute_score(pairs[:64])
    start = time.perf_counter()
    theirs = flag.compute_score(pairs)
    row = _row("FlagEmbedding, batch 128", len(pairs), time.perf_counter() - start)
    far = max(abs(a - b) for a, b in zip(scores.tolist(), theirs, strict=True))
    yield {**row, "largest difference": f"{far:.1e}"}
    from transformers import AutoModelForSequenceClassification

    dtype = torch.float16 if setting.has_card else torch.float32
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype)
    model = model.eval().to(setting.device)
    count, length = (4, 64) if setting.small else (256, 192)
    ids = torch.randint(1000, 20000, (count, length), device=setting.device)

    def forward() -> None:
        with torch.no_grad():
            model(input_ids=ids)

    seconds = setting.timed(forward)
    row = _row(f"forward passes alone, {length} tokens", count, seconds)
    flops = forward_cost(model.config).of([length] * count)
    yield {**row, "TFLOP/s": f"{flops / seconds / 1e12:.1f}"}


def _row(name: str, pairs: int, seconds: float) -> Row:
    return {"contender": name, "pairs/s": f"{pairs / seconds:,.0f}", "seconds": f"{seconds:.2f}"}
