"""How fast texts become token ids, by the number of threads."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu_parts.base import MAX_LENGTH, Row, Setting, bundled_folder

TOKENS_PER_SECOND_AND_THREAD = 500_000  # seen on a CPU; decides how many texts are enough


def run(setting: Setting) -> Iterator[Row]:
    """A row per number of threads, each in a process of its own, where the number is read once."""
    cores = os.cpu_count() or 1
    single = 0.0
    for threads in [count for count in (1, 2, 4, 16) if count <= max(cores, 2)]:
        count = 64 if setting.small else min(len(setting.texts), 6_000 * min(threads, 5))
        options = {
            "texts_file": setting.texts_file,
            "folder": bundled_folder(setting),
            "count": count,
        }
        row: Row = {"threads": threads}
        for how, environment in (
            ("the tokenizer's own threads", {"TOKENIZERS_PARALLELISM": "true"}),
            ("texts cut into pieces for threads of Python", {"TOKENIZERS_PARALLELISM": "false"}),
        ):
            done = subprocess.run(
                [sys.executable, "-m", __name__, json.dumps({**options, "threads": threads})],
                env={**os.environ, **environment, "RAYON_NUM_THREADS": str(threads)},
                capture_output=True,
                text=True,
                check=True,
            )
            speed = json.loads(done.stdout.splitlines()[-1])["speed"]
            single = single or speed
            row[how] = f"{speed:,.0f} tokens/s ({speed / single:.1f}x)"
        yield (row)


def measure(texts_file: str, folder: str, count: int, threads: int) -> dict[str, float]:
    """Tokens per second, the first piece not counted."""
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from tokenizers import Tokenizer

    texts = json.loads(Path(texts_file).read_text(encoding="utf-8"))[:count]
    tokenizer: Any = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.enable_truncation(MAX_LENGTH)
    tokenizer.no_padding()

    def tokens(part: list[str]) -> int:
        return sum(len(np.array(one.ids, np.int32)) for one in tokenizer.encode_batch_fast(part))

    tokens(texts[:64])
    start = time.perf_counter()
    if os.environ["TOKENIZERS_PARALLELISM"] == "true":
        total = tokens(texts)
    else:
        size = max(1, min(512, len(texts) // threads))
        pieces = [texts[i : i + size] for i in range(0, len(texts), size)]
        with ThreadPoolExecutor(threads) as pool:
            total = sum(pool.map(tokens, pieces))
    return {"speed": total / (time.perf_counter() - start)}


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
