"""Encoding speed beside FlagEmbedding and sentence-transformers, on the same texts and machine.

    python -m benchmarks.encoding FOLDER|python_stdlib [--documents 500] [--shapes bert-base]

Every contender reads the same documents, 256 tokens at most, in a process of its own; loading a
model is not counted, whatever a contender does once it is loaded (packing, probing) is.
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
from hn_assets.hardware import choose_devices, choose_precision

MAX_LENGTH = 256


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
        precisions = {"float32", choose_precision("auto", *choose_devices("auto").devices).value}
        if len(precisions) > 1:  # otherwise it is what auto means here
            contenders["hn_assets, float32"] = {**ours, "precision": "float32"}
        for batch in options.batches.split(","):
            contenders[f"FlagEmbedding, batch {batch}"] = {
                **same,
                "who": "flagembedding",
                "precision": "float32",
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
    peaks = {precision: matmul_peak(precision) for precision in sorted(precisions, reverse=True)}
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
        start = time.perf_counter()
        for _ in encoder.encode_windows(enumerate(texts), "passage"):
            pass
    elif who == "flagembedding":
        from FlagEmbedding import FlagAutoModel

        flag = FlagAutoModel.from_finetuned(
            folder,
            model_class="encoder-only-base",
            pooling_method="mean",
            use_fp16=devices[0] != "cpu",
            devices=devices[:1],
            passage_max_length=MAX_LENGTH,
        )
        start = time.perf_counter()
        flag.encode_corpus(texts, batch_size=batch)
    else:
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(
            folder, device=devices[0], model_kwargs={"dtype": getattr(torch, precision)}
        )
        peer.max_seq_length = MAX_LENGTH
        start = time.perf_counter()
        peer.encode(texts, batch_size=batch, show_progress_bar=False)
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

    config = AutoConfig.from_pretrained(folder)
    encoded = AutoTokenizer.from_pretrained(folder)(texts, truncation=True, max_length=MAX_LENGTH)
    lengths = [len(ids) for ids in encoded["input_ids"]]
    hidden, inner = config.hidden_size, config.intermediate_size
    linear = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    attention = sum(4 * length * length * hidden for length in lengths)
    return sum(lengths), config.num_hidden_layers * (linear * sum(lengths) + attention)


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
