"""What the precision `auto` costs in rankings: neighbours and nDCG@10 beside float32.

    python -m benchmarks.precision FOLDER

FOLDER is in BEIR layout with test qrels. Both sides are the whole graph, `candidates` is compared.
"""

import argparse
import tempfile
from pathlib import Path

import ir_measures
import pandas as pd
from ir_measures import nDCG

from benchmarks.measure import (
    describe_machine,
    materialize,
    metadata,
    print_table,
    write_project,
)

DEPTH = 100


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    source = {"type": "beir", "folder": str(options.folder.resolve())}
    ranked: dict[str, pd.DataFrame] = {}
    scores: dict[str, float] = {}
    chosen: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for precision in ("auto", "float32"):
            place = Path(scratch) / precision
            write_project(
                place,
                "bench",
                {
                    "source": source,
                    "compute": {"precision": precision},
                    "mining": {"plan": "settings"},
                },
            )
            materialize(place, "bench")
            data = place / "data" / "bench"
            frame = pd.read_parquet(data / "candidates/latest/candidates.parquet")
            ranked[precision] = frame
            qrels = pd.read_parquet(data / "qrels/latest/qrels.parquet")
            qrels = qrels[qrels.split == "test"].rename(columns={"score": "relevance"})
            scores[precision] = ir_measures.calc_aggregate([nDCG @ 10], qrels, frame)[nDCG @ 10]
            chosen[precision] = metadata(place, "bench", "corpus_embeddings")["precision"]
    top = {name: frame[frame["rank"] < DEPTH] for name, frame in ranked.items()}
    both = top["auto"].merge(top["float32"], on=["query_id", "doc_id"])
    overlap = len(both) / len(top["float32"])
    print_table(
        f"Precision on {options.folder.name}. {describe_machine()}",
        ["precision", f"top-{DEPTH} overlap with float32", "nDCG@10 of the test queries"],
        [
            (f"auto ({chosen['auto']})", f"{overlap:.4f}", f"{scores['auto']:.4f}"),
            ("float32", 1, f"{scores['float32']:.4f}"),
        ],
    )


if __name__ == "__main__":
    main()
