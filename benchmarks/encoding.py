"""Encoding speed beside FlagEmbedding and sentence-transformers, on the same texts and machine.

    python -m benchmarks.encoding FOLDER|python_stdlib [--documents 500] [--shapes bert-base]

Every contender reads the same documents, 256 tokens at most, in a process of its own. Loading a
model is not counted, nor is a first call with a few texts, in which kernels are loaded and chosen.
`--shapes bert-base` takes random weights of that size in place of all-MiniLM-L6-v2.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import (
    describe_machine,
    matmul_peak,
    peak_memory_mib,
    print_table,
    read_documents,
    rounds,
)
from hn_assets.encoding.devices.forward_cost import forward_cost
from hn_assets.hardware import choose_devices, choose_precision

MAX_LENGTH = 256
WARM_UP_TEXTS = 16


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="a BEIR folder, or python_stdlib")
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--shapes", choices=["minilm", "bert-base"], default="minilm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default="32,256,3000", help="FlagEmbedding's, to try")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = "bundled" if options.shapes == "minilm" else make_bert_base(Path(scratch))
        same = {"source": options.source, "documents": options.documents, "model": model}
        ours: dict[str, Any] = {**same, "who": "ours"}
        contenders = {"hn_assets, auto": {**ours, "precision": "auto"}}
        devices = choose_devices("auto").devices
        precisions = {"float32", choose_precision("auto", *devices).value}
        flag_precision = flagembedding_precision(devices[0])
        if len(precisions) > 1:  # otherwise it is what auto means here
            contenders["hn_assets, float32"] = {**ours, "precision": "float32"}
        for batch in options.batches.split(","):
            contenders[f"FlagEmbedding, {flag_precision}, batch {batch}"] = {
                **same,
                "who": "flagembedding",
                "precision": flag_precision,
                "batch": int(batch),
            }
        for precision in sorted(precisions, reverse=True):
            contenders[f"sentence-transformers, {precision}, batch 32"] = {
                **same,
                "who": "sentence_transformers",
                "precision": precision,
                "batch": 32,
            }
        results = rounds("benchmarks.encoding", contenders, options.rounds)
    used = sorted({*precisions, flag_precision}, reverse=True)
    peaks = {precision: matmul_peak(precision) for precision in used}
    told = " and ".join(f"{peak / 1e9:.0f} GFLOP/s in {name}" for name, peak in peaks.items())
    seconds = results["hn_assets, auto"]["seconds"]
    print_table(
        f"Encoding {options.documents} documents of {options.source}, {options.shapes}; "
        f"measured peak of a matrix product: {told}. {describe_machine()}",
        ["contender", "tokens/s", "seconds", "hn_assets is", "share of peak", "peak memory, MiB"],
        [
            (
                name,
                f"{found['tokens'] / found['seconds']:,.0f}",
                f"{found['seconds']:.1f}",
                f"{found['seconds'] / seconds:.2f}x",
                f"{found['flops'] / found['seconds'] / peaks[found['precision']]:.0%}",
                found["memory"],
            )
            for name, found in results.items()
        ],
    )


def flagembedding_precision(device: str) -> str:
    """What FlagEmbedding computes in if `use_fp16` is left as it is, on: float32 on a CPU.

    >>> flagembedding_precision("cuda:0")
    'float16'
    """
    return "float32" if device == "cpu" else "float16"


def make_bert_base(folder: Path) -> str:
    """A model of BERT-base's shapes with random weights and MiniLM's tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    from hn_assets.encoding.models.model import bundled_model_folder

    torch.manual_seed(0)
    BertModel(BertConfig()).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundled_model_folder()).save_pretrained(folder)
    return str(folder)


def measure(
    who: str, source: str, documents: int, model: str, precision: str, batch: int = 0
) -> dict[str, Any]:
    """Encode once; seconds, and what is needed to make speeds of them."""
    import torch

    from hn_assets.encoding.encoder import Encoder
    from hn_assets.encoding.models.model import find_model, load_model
    from hn_assets.settings.encoding import EncodingSettings

    texts = list(read_documents(source, documents).values())
    devices = choose_devices("auto").devices
    precision = choose_precision(precision, *devices).value
    folder = find_model(model)
    if who == "ours":
        settings = EncodingSettings(model=model, pooling="mean", passage_max_length=MAX_LENGTH)
        encoder = Encoder(
            load_model(settings, devices=devices, precision=precision),
            devices=devices,
        )

        def encode(some: list[str]) -> None:
            for _ in encoder.encode_windows(enumerate(some), "passage"):
                pass

    elif who == "flagembedding":
        from FlagEmbedding import FlagAutoModel

        flag = FlagAutoModel.from_finetuned(
            folder,
            model_class="encoder-only-base",
            pooling_method="mean",
            use_fp16=precision == "float16",
            devices=devices[:1],
            passage_max_length=MAX_LENGTH,
        )

        def encode(some: list[str]) -> None:
            flag.encode_corpus(some, batch_size=batch)

    else:
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(
            folder, device=devices[0], model_kwargs={"dtype": getattr(torch, precision)}
        )
        peer.max_seq_length = MAX_LENGTH

        def encode(some: list[str]) -> None:
            peer.encode(some, batch_size=batch, show_progress_bar=False)

    encode(texts[:WARM_UP_TEXTS])
    start = time.perf_counter()
    encode(texts)
    seconds = time.perf_counter() - start
    memory = peak_memory_mib()
    tokens, flops = count(folder, texts)
    return {
        "seconds": seconds,
        "tokens": tokens,
        "flops": flops,
        "memory": memory,
        "precision": precision,
    }


def count(folder: str, texts: list[str]) -> tuple[int, float]:
    """Tokens read, padding not counted, and the operations that the forward pass needs for them."""
    from transformers import AutoConfig, AutoTokenizer

    encoded = AutoTokenizer.from_pretrained(folder)(texts, truncation=True, max_length=MAX_LENGTH)
    lengths = [len(ids) for ids in encoded["input_ids"]]
    return sum(lengths), forward_cost(AutoConfig.from_pretrained(folder)).of(lengths)


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
