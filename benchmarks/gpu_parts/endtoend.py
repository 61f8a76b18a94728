"""Encoding beside FlagEmbedding and sentence-transformers, and the whole way to negatives."""

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu_parts.base import MAX_LENGTH, Row, Setting, bundled_folder
from hn_assets.encoding.devices.forward_cost import forward_cost
from hn_assets.encoding.encoder import Encoder

TEXTS = {"minilm": 33_000, "bert-base": 8_000}


def run(setting: Setting) -> Iterator[Row]:
    """A row per model and contender, then one of the whole graph."""
    for shape, count in TEXTS.items():
        folder = bundled_folder(setting) if shape == "minilm" else setting.random_model(shape)
        texts = setting.texts[: 64 if setting.small else count]
        tokens, flops = _count(folder, texts)
        for name, encode in _contenders(setting, folder, shape):
            encode(texts[:256])  # kernels are loaded and chosen at the first use
            setting.synchronize()
            start = time.perf_counter()
            encode(texts)
            setting.synchronize()
            seconds = time.perf_counter() - start
            yield {
                "model": shape,
                "contender": name,
                "texts": len(texts),
                "seconds": f"{seconds:.2f}",
                "tokens/s": f"{tokens / seconds:,.0f}",
                "TFLOP/s": f"{flops / seconds / 1e12:.1f}",
            }
    yield _graph(setting)


def _contenders(setting: Setting, folder: str, shape: str) -> Any:
    """Names and functions that encode a list of texts; each model is let go before the next."""
    import torch

    half = setting.half[0]
    ours = Encoder(setting.load(folder, half), devices=[setting.device])
    yield f"hn_assets, {half}", lambda texts: ours.encode(texts, "passage")
    ours.close()
    from FlagEmbedding import FlagAutoModel

    # FlagEmbedding computes in float16 on a card alone
    precision = "fp16" if setting.has_card else "float32"
    flag: Any = FlagAutoModel.from_finetuned(
        folder,
        model_class="encoder-only-base",
        pooling_method="mean",
        use_fp16=setting.has_card,
        devices=[setting.device],
        passage_max_length=MAX_LENGTH,
    )
    for batch in (256,) if setting.small else (256, 1024):
        yield (
            f"FlagEmbedding, {precision}, batch {batch}",
            lambda texts, batch=batch: flag.encode_corpus(texts, batch_size=batch),
        )
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(
        folder, device=setting.device, model_kwargs={"dtype": getattr(torch, half)}
    )
    peer.max_seq_length = MAX_LENGTH
    for batch in (256,) if setting.small else (256, 1024):
        yield (
            f"sentence-transformers, {half}, batch {batch}",
            lambda texts, batch=batch: peer.encode(
                texts, batch_size=batch, show_progress_bar=False
            ),
        )


def _graph(setting: Setting) -> Row:
    """Documents to negatives, everything but the training files; every text is its own answer."""
    from hn_assets import mine_hard_negatives

    count = min(200 if setting.small else 33_000, len(setting.texts))
    texts = setting.texts[:count]
    asked = range(0, count, 10)
    documents = [{"id": f"d{i}", "text": text} for i, text in enumerate(texts)]
    queries = [{"id": f"q{i}", "text": " ".join(texts[i].split()[:12])} for i in asked]
    qrels = [{"query_id": f"q{i}", "doc_id": f"d{i}"} for i in asked]
    start = time.perf_counter()
    mined = mine_hard_negatives(
        documents,
        queries,
        qrels,
        {
            "encoding": {"model": bundled_folder(setting), "pooling": "mean"},
            "compute": {"device": setting.device},
            "mining": {"range_min": 10, "range_max": 50 if setting.small else 210},
        },
    )
    seconds = time.perf_counter() - start
    return {
        "model": "minilm",
        "contender": "mine_hard_negatives, the whole way",
        "texts": count,
        "seconds": f"{seconds:.2f}",
        "tokens/s": "",
        "TFLOP/s": f"{len(mined.negatives):,} negatives of {len(queries):,} queries",
    }


def _count(folder: str, texts: list[str]) -> tuple[int, float]:
    from transformers import AutoConfig, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]
    lengths = [len(row) for row in ids]
    return sum(lengths), forward_cost(AutoConfig.from_pretrained(folder)).of(lengths)
