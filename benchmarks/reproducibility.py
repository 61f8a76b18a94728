"""How far vectors, scores and negatives differ between batch sizes, orders and CPU kernels.

    python -m benchmarks.reproducibility FOLDER [--queries N] [--documents N]

FOLDER is in BEIR layout. all-MiniLM-L6-v2 encodes it in float32: with several values of
max_tokens_per_batch, in two orders, and, in processes of their own, with each kernel that this
machine's PyTorch, MKL and oneDNN can be made to use. All is compared with the first row, which is
what the machine does by itself. In the package a text is encoded once and its vector is kept, so
that none of this shows unless a store is made anew.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import describe_machine, print_table, read_documents

DEPTH, FIRST_RANK, NEGATIVES = 210, 10, 15
BATCH_SIZES = (1, 512, 16_384)  # beside the default of 4,096
# What to set, the CPU flag without which it changes nothing, and what the row is called.
KERNELS: tuple[tuple[dict[str, str], str, str], ...] = (
    (
        {
            "ATEN_CPU_CAPABILITY": "default",
            "MKL_CBWR": "COMPATIBLE",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
        },
        "",
        "all three at their oldest",
    ),
    ({"ATEN_CPU_CAPABILITY": "default"}, "", "PyTorch: without AVX2"),
    ({"ATEN_CPU_CAPABILITY": "avx2"}, "avx512f", "PyTorch: AVX2"),
    ({"MKL_CBWR": "COMPATIBLE"}, "", "MKL: compatible"),
    ({"MKL_CBWR": "AVX2"}, "avx2", "MKL: AVX2"),
    ({"MKL_CBWR": "AVX512"}, "avx512f", "MKL: AVX512"),
    ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, "", "oneDNN: SSE4.1"),
    ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, "avx512f", "oneDNN: AVX2"),
    ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, "avx512_bf16", "oneDNN: AVX512"),
    ({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}, "", "one thread"),
)


@dataclass(frozen=True)
class Rankings:
    """Vectors, and the rankings they give.

    Attributes:
        queries: float32 of shape (queries, dimension).
        documents: float32 of shape (documents, dimension).
        rows: Rows of `documents`, best first; int64 of shape (queries, depth).
        scores: float32 of the same shape.
    """

    queries: NDArray[np.float32]
    documents: NDArray[np.float32]
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, help="take the first N queries; default: all")
    parser.add_argument("--documents", type=int, help="take the first N documents; default: all")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    documents = read_documents(str(options.folder), options.documents)
    queries = _read_queries(options.folder, options.queries)
    if options.child:
        print(json.dumps(_encode(documents, queries, options.child, max_tokens=None, seed=None)))
        return
    rows: list[tuple[Any, ...]] = []
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "vectors.npz"
        _encode(documents, queries, path, max_tokens=None, seed=None)
        base = _rank(path, list(documents))
        variants: list[tuple[str, int | None, int | None]] = [
            ("the same again", None, None),
            *((f"max_tokens_per_batch {size:,}", size, None) for size in BATCH_SIZES),
            ("texts in another order", None, 1),
        ]
        for name, max_tokens, seed in variants:
            _encode(documents, queries, path, max_tokens=max_tokens, seed=seed)
            rows.append((name, *_compare(base, _rank(path, list(documents)), queries, documents)))
            print(rows[-1], file=sys.stderr, flush=True)
        flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
        for environment, flag, name in KERNELS:
            if flag in flags.split() or not flag:
                _run_child(options, path, environment)
                other = _rank(path, list(documents))
                rows.append((name, *_compare(base, other, queries, documents)))
                print(rows[-1], file=sys.stderr, flush=True)
    print_table(
        f"{len(documents):,} documents and {len(queries):,} queries of {options.folder.name}, "
        f"rankings of depth {DEPTH}, float32. {describe_machine()}",
        [
            "compared with the default",
            "largest difference of a component",
            "largest difference of a score",
            "queries whose ranking differs",
            "largest difference of exchanged scores",
            f"queries whose {NEGATIVES} negatives differ",
        ],
        rows,
    )


def _read_queries(folder: Path, most: int | None) -> dict[str, str]:
    with (folder / "queries.jsonl").open(encoding="utf-8") as file:
        queries = {row["_id"]: row["text"] for row in map(json.loads, file)}
    return dict(list(queries.items())[:most])


def _run_child(options: argparse.Namespace, path: Path, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "benchmarks.reproducibility", str(options.folder)]
    command += ["--child", str(path)]
    for name in ("queries", "documents"):
        if (most := getattr(options, name)) is not None:
            command += [f"--{name}", str(most)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{environment} failed:\n{done.stderr[-3000:]}")
    print(f"{dict(environment)}: {done.stdout.splitlines()[-1]}", file=sys.stderr, flush=True)


def _encode(
    documents: Mapping[str, str],
    queries: Mapping[str, str],
    path: Path,
    *,
    max_tokens: int | None,
    seed: int | None,
) -> dict[str, Any]:
    """Write the vectors to `path`; `seed` shuffles the order that texts are encoded in."""
    import torch

    from hn_assets.encoding.encoder import Encoder
    from hn_assets.encoding.models.model import load_model
    from hn_assets.settings.encoding import EncodingSettings

    model = load_model(EncodingSettings(), devices=["cpu"], precision="float32")
    encoder = Encoder(model, devices=["cpu"], max_tokens_per_batch=max_tokens)
    vectors = {}
    for kind, texts in (("passage", list(documents.values())), ("query", list(queries.values()))):
        order = np.arange(len(texts))
        if seed is not None:
            order = np.random.default_rng(seed).permutation(len(texts))
        encoded = encoder.encode([texts[i] for i in order], kind)  # type: ignore[arg-type]
        vectors[kind] = np.empty_like(encoded)
        vectors[kind][order] = encoded
    np.savez(path, **vectors)
    return {
        "pytorch": torch.backends.cpu.get_cpu_capability(),
        "seconds": round(encoder.stats.seconds, 1),
    }


def _rank(path: Path, document_ids: list[str]) -> Rankings:
    from hn_assets.encoding.vectors.vector_file import VectorTable, VectorWriter
    from hn_assets.retrieval.faiss_index import flat_index
    from hn_assets.retrieval.searcher import Searcher

    with np.load(path) as vectors:
        queries, documents = vectors["query"], vectors["passage"]
    writer = VectorWriter(path.with_suffix(".arrow"))
    writer.write(document_ids, [bytes(16)] * len(document_ids), documents)
    writer.close()
    table = VectorTable(path.with_suffix(".arrow"))
    depth = min(DEPTH, len(table))
    return Rankings(queries, documents, *Searcher(flat_index(table), table).find(queries, depth))


def _compare(
    base: Rankings, other: Rankings, queries: Mapping[str, str], documents: Mapping[str, str]
) -> tuple[str, ...]:
    from hn_assets.retrieval.scores import inner_products

    components = max(
        float(np.abs(base.queries - other.queries).max()),
        float(np.abs(base.documents - other.documents).max()),
    )
    # The scores of the same documents by the other vectors.
    scores = inner_products(other.queries, other.documents[base.rows])
    differing = np.flatnonzero((base.rows != other.rows).any(axis=1))
    exchanged = max((_exchanged(base, other, query) for query in differing), default=0.0)
    ids = list(documents)
    negatives = sum(
        _draw(query_id, base.rows[query], ids) != _draw(query_id, other.rows[query], ids)
        for query, query_id in enumerate(queries)
    )
    return (
        f"{components:.1e}",
        f"{float(np.abs(scores - base.scores).max()):.1e}",
        f"{len(differing)} of {len(queries)}",
        f"{exchanged:.1e}",
        f"{negatives} of {len(queries)}",
    )


def _exchanged(base: Rankings, other: Rankings, query: int) -> float:
    """The largest difference between scores of two documents that changed their order."""
    place = {row: rank for rank, row in enumerate(other.rows[query].tolist())}
    # A document that the other ranking lacks stands beyond its end.
    places = np.array([place.get(row, len(place)) for row in base.rows[query].tolist()])
    scores = base.scores[query].astype(np.float64)
    changed = np.triu(places[:, None] > places[None, :], 1)
    differences = np.where(changed, scores[:, None] - scores[None, :], 0.0)
    beyond = scores[places == len(place)] - scores[-1]
    return float(max(differences.max(), beyond.max(initial=0.0)))


def _draw(query_id: str, rows: NDArray[np.int64], document_ids: list[str]) -> list[str]:
    """The negatives: at random by a hash of query and document, as the package draws them."""
    drawn = [document_ids[row] for row in rows[FIRST_RANK:]]
    return sorted(
        drawn, key=lambda doc_id: hashlib.blake2b(f"{query_id}\0{doc_id}".encode()).digest()
    )[:NEGATIVES]


if __name__ == "__main__":
    main()
