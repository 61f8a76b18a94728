"""What storing vectors in float16 changes in rankings, and what room it takes.

    python -m benchmarks.float16_storage DATA/DATASET [--depth 210]

DATA/DATASET is where a dataset was materialized with vectors in float32. They are stored once as
they are and once in float16, indexed and searched.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import describe_machine, print_table
from hn_assets.encoding.vectors.vector_file import StoredVectors, VectorTable, VectorWriter
from hn_assets.retrieval.faiss_index import IDS_FILE, INDEX_FILE, build_index, is_flat, open_index
from hn_assets.retrieval.searcher import Searcher
from hn_assets.settings.search import SearchSettings
from hn_assets.store import layout

TOPS = (1, 10, 100)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--depth", type=int, default=210)
    options = parser.parse_args()
    found: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
    sizes: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for precision in ("float32", "float16"):
            place = Path(scratch) / precision
            place.mkdir()
            files = [layout.CORPUS_EMBEDDINGS, layout.QUERY_EMBEDDINGS]
            documents, queries = (
                store(options.folder / f"{file.stage}/latest/{file.name}", place, precision)
                for file in files
            )
            build_index(documents, SearchSettings(), place)
            index = open_index(place / INDEX_FILE, place / IDS_FILE, documents)
            searcher = Searcher(index, documents, is_exact=is_flat(index, documents))
            depth = min(options.depth, len(documents))
            found[precision] = searcher.find(queries.take(np.arange(len(queries))), depth)
            vectors = next(place.glob("corpus_embeddings*")).stat().st_size
            index_bytes = (place / INDEX_FILE).stat().st_size
            sizes.append((precision, f"{vectors / 2**20:.1f}", f"{index_bytes / 2**20:.1f}"))
    head = f"{len(found['float32'][0]):,} queries over {len(documents):,} vectors of "
    head += f"{documents.dimension} dimensions. {describe_machine()}"
    print_table(head, ["stored in", "vectors.arrow, MiB", "index.faiss, MiB"], sizes)
    print_table("Rankings", ["of the best", "documents differ", "order differs"], _differ(found))


def store(path: Path, place: Path, precision: str) -> VectorTable:
    """The vectors of a file in another precision, in a file in the folder `place`."""
    table, target = VectorTable(path), place / f"{path.parent.parent.name}.arrow"
    writer, keys, first = VectorWriter(target), table.text_keys().combine_chunks(), 0
    for block in table.blocks():
        part = slice(first, first + len(block))
        stored: StoredVectors = block.astype(np.float16) if precision == "float16" else block
        writer.write(table.ids[part], keys[part], stored)
        first += len(block)
    writer.close()
    return VectorTable(target)


def _differ(
    found: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]],
) -> list[tuple[str, str, str]]:
    """For how many queries the best documents, or their order, are others."""
    whole, half = (found[precision][0] for precision in ("float32", "float16"))
    rows: list[tuple[str, str, str]] = []
    for top in (*(top for top in TOPS if top < whole.shape[1]), whole.shape[1]):
        ours, theirs = half[:, :top], whole[:, :top]
        others = (np.sort(ours, axis=1) != np.sort(theirs, axis=1)).any(axis=1).mean()
        moved = (ours != theirs).any(axis=1).mean()
        rows.append((str(top), f"{others:.2%} of queries", f"{moved:.2%} of queries"))
    return rows


if __name__ == "__main__":
    main()
