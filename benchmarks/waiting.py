"""What encoding waits for: tokenising on one core and on two, a real encoding, a fast device.

    python -m benchmarks.waiting FOLDER [--documents 100000] [--rounds 3] [--speed TOKENS]

FOLDER is in BEIR layout. The fast device is made up: it computes nothing, but takes as long as one
of `--speed` tokens per second, 20 times what this CPU does unless told, and works on one batch
while the next is prepared, as a card does. All else is the real way from a file of texts to a file
of vectors.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import child, describe_machine, print_table, read_documents
from hn_assets.encoding.batches.batching import Batch
from hn_assets.encoding.batches.tokenizing import TextTokenizer
from hn_assets.encoding.devices.batch_computer import BatchComputer
from hn_assets.encoding.devices.worker_pool import InThisProcess
from hn_assets.encoding.embed_texts import embed_texts
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.encoding import EncodingSettings

TOKENIZED, ENCODED = 20_000, 1_000  # documents of the first two parts
FASTER = 20
MAX_TOKENS = 65_536  # in a batch, as on a card


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", help="a BEIR folder")
    parser.add_argument("--documents", type=int, default=100_000, help="for the fast device")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--speed", type=float, help="tokens per second of the fast device")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    rows = _tokenizing(options.source, options.rounds)
    encoded = [
        child("benchmarks.waiting", what="encode", source=options.source)
        for _ in range(options.rounds)
    ]
    speed = _median(encoded, "tokens_per_second")
    rows += [
        ("encoding on the CPU, tokens/s", f"{speed:,.0f}"),
        ("of its time it waited for tokens", f"{_median(encoded, 'waited'):.2%}"),
    ]
    wanted = options.speed or FASTER * speed
    rows += _fast_device(options.source, options.documents, options.rounds, wanted)
    print_table(
        f"What encoding waits for. {describe_machine()}; load of the machine {before:.1f} before "
        f"and {os.getloadavg()[0]:.1f} after, medians of {options.rounds}",
        ["what", "found"],
        rows,
    )


def _tokenizing(source: str, rounds: int) -> list[tuple[str, str]]:
    found: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for _ in range(rounds):
        for cores, results in found.items():
            results.append(child("benchmarks.waiting", what="tokenize", source=source, cores=cores))
    one, two = (_median(found[cores], "tokens_per_second") for cores in (1, 2))
    return [
        ("tokenising on one core, tokens/s", f"{one:,.0f}"),
        ("tokenising on two cores, tokens/s", f"{two:,.0f} ({two / one:.2f}x)"),
        *(
            (
                f"processor seconds per million tokens, cores: {cores}",
                f"{_median(results, 'processor_seconds'):.2f}",
            )
            for cores, results in found.items()
        ),
    ]


def _fast_device(source: str, documents: int, rounds: int, speed: float) -> list[tuple[str, str]]:
    found = [
        child("benchmarks.waiting", what="embed", source=source, documents=documents, speed=speed)
        for _ in range(rounds)
    ]
    names = [name for name in found[0] if name.startswith("share: ")]
    return [
        (
            f"a device of {speed:,.0f} tokens/s, {documents:,} documents, seconds in all",
            f"{_median(found, 'seconds'):.1f}",
        ),
        *((name.removeprefix("share: "), f"{_median(found, name):.1%}") for name in names),
    ]


def _median(found: list[dict[str, Any]], name: str) -> float:
    return statistics.median(one[name] for one in found)


def tokenize(source: str, cores: int) -> dict[str, Any]:
    """Tokens per second of this process on so many cores."""
    from transformers import AutoTokenizer

    from hn_assets.encoding.models.model import bundled_model_folder

    os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:cores])
    texts = list(read_documents(source, TOKENIZED).values())
    tokenizer = TextTokenizer(AutoTokenizer.from_pretrained(bundled_model_folder()))
    tokenizer.tokenize(texts[:1000], 256)
    start, used = time.perf_counter(), time.process_time()
    found = tokenizer.tokenize(texts, 256)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    tokens = sum(len(ids) for ids in found.ids)
    return {"tokens_per_second": tokens / seconds, "processor_seconds": used / tokens * 1e6}


def encode(source: str) -> dict[str, Any]:
    """Speed and waiting of a real encoding on the CPU."""
    texts = list(read_documents(source, ENCODED).values())
    with LazyModel(EncodingSettings(), ComputeSettings(device="cpu"), _to_stderr) as model:
        encoder = model.encoder()
        encoder.encode(texts[:16], "passage")
        encoder.stats = type(encoder.stats)()
        encoder.encode(texts, "passage")
        stats = encoder.stats
        return {
            "tokens_per_second": stats.tokens / stats.seconds,
            "waited": stats.waited_for_tokens / stats.seconds,
        }


class _MadeUpDevice(BatchComputer[Batch]):
    """Gives vectors that mean nothing, as late as a device of a certain speed would."""

    def __init__(self, config: Any, tokens_per_second: float) -> None:
        super().__init__("a made-up device", config, "cpu", "float32", MAX_TOKENS, "")
        self.report.layout = "end_to_end"
        self.busy = 0.0  # seconds
        self._speed, self._free_at = tokens_per_second, 0.0
        vectors = np.random.default_rng(0).standard_normal((MAX_TOKENS, config.hidden_size))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self._vectors = vectors.astype(np.float32)

    def _start(self, batch: Batch) -> Any:
        seconds = batch.tokens.size / self._speed
        self.busy += seconds
        self._free_at = max(self._free_at, time.perf_counter()) + seconds
        return [_Later(self._vectors[: len(batch.rows)], self._free_at)]


class _Later:
    def __init__(self, vectors: np.ndarray, at: float) -> None:
        self._vectors, self._at = vectors, at

    def fetch(self) -> np.ndarray:
        time.sleep(max(0.0, self._at - time.perf_counter()))
        return self._vectors


class _TimedEncoder(Encoder):
    """Knows when it was asked first, and when it was done."""

    begun = ended = 0.0

    def encode_windows(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        self.begun = time.perf_counter()
        yield from super().encode_windows(*arguments, **options)
        self.ended = time.perf_counter()


def embed(source: str, documents: int, speed: float) -> dict[str, Any]:
    """The whole way from a file of texts to a file of vectors, with the made-up device."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hn_assets.store import schemas

    rows = [
        {"id": key, "title": "", "text": text}
        for key, text in read_documents(source, documents).items()
    ]
    compute = ComputeSettings(device="cpu", precision="float32")
    with (
        tempfile.TemporaryDirectory() as scratch,
        LazyModel(EncodingSettings(), compute, _to_stderr) as model,
    ):
        folder = Path(scratch)
        pq.write_table(pa.Table.from_pylist(rows, schemas.CORPUS), folder / "corpus.parquet")
        del rows
        loaded = model.encoder().model
        device = _MadeUpDevice(loaded.embedder.model.config, speed)  # type: ignore[union-attr]
        encoder = _TimedEncoder(loaded, devices=["cpu"], max_tokens_per_batch=MAX_TOKENS)
        encoder._workers = InThisProcess(lambda: device)
        model._encoders["float32"] = encoder
        start = time.perf_counter()
        embed_texts(
            folder / "corpus.parquet",
            "passage",
            folder / "vectors.arrow",
            model=model,
            cache_folder=folder / "cache",
            what="vectors",
            log=_to_stderr,
        )
        end = time.perf_counter()
    stats, seconds = encoder.stats, end - start
    idle = encoder.ended - encoder.begun - device.busy - stats.waited_for_writing
    for_tokens = min(stats.waited_for_tokens, idle)  # what it had got before may keep it busy
    causes = {
        "the device computes": device.busy,
        "it waits for tokens": for_tokens,
        "for earlier vectors to be written": stats.waited_for_writing,
        "for all else while texts are encoded": idle - for_tokens,
        "for texts without a vector to be found": encoder.begun - start,
        "for the file of all vectors": end - encoder.ended,
    }
    return {
        "seconds": seconds,
        **{f"share: {cause}": spent / seconds for cause, spent in causes.items()},
    }


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        told = json.loads(sys.argv[2])
        print(json.dumps(globals()[told.pop("what")](**told)))
    else:
        main()
