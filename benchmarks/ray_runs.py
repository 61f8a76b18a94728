"""What whole runs take on nodes of Ray on this machine, from raw files to negatives.

    python -m benchmarks.ray_runs FOLDER [--documents N] [--nodes 0,1,2] [--repeats N]
        [--layers 2] [--max-length 64]

So many documents are mined in one process (0 nodes) and on clusters of nodes with a core each, by
the first layers of all-MiniLM-L6-v2, by turns. All negatives must be the same.
"""

import argparse
import os
import sys
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from statistics import median

import psutil

from benchmarks.measure import print_table
from benchmarks.ray_cluster import local_cluster, mine, scratch_folder
from benchmarks.scale import write_subset
from hn_assets.encoding.models.hub_model import model_folder
from hn_assets.encoding.models.model import identify_model
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.trial.stand_in import write_stand_in


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--nodes", default="0,1,2")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--layers", type=int, default=2, help="of the model; 0: all")
    parser.add_argument("--max-length", type=int, default=64, help="of a text, in tokens")
    options = parser.parse_args()
    with scratch_folder() as place:
        compare_runs(options, place)


def compare_runs(options: argparse.Namespace, place: Path) -> None:
    """Print what whole runs take, from raw files to negatives."""
    model = Path(model_folder(identify_model(EncodingSettings()).location, None))
    if options.layers:
        (place / "model").mkdir()
        model = write_stand_in(model, options.layers, place / "model", trust_remote_code=False)
    encoding = {"model": str(model), "pooling": "mean", "passage_max_length": options.max_length}
    documents, queries = write_subset(options.folder, place / "raw", options.documents)
    taken: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    negatives: set[str] = set()
    for _ in range(options.repeats):
        for nodes in map(int, options.nodes.split(",")):
            with local_cluster(nodes) as cluster, ProcessorClock() as clock:
                run = mine(place, cluster, encoding)
            negatives.add(run["negatives"])
            taken[nodes].append((run["encoding_seconds"], run["seconds"], clock.seconds()))
            print(
                f"{nodes} nodes: {taken[nodes][-1]}, load {os.getloadavg()[0]:.1f}", file=sys.stderr
            )
    print_table(
        f"{documents:,} documents, {queries:,} queries, {options.layers or 'all'} layers, at most "
        f"{options.max_length} tokens; medians of {options.repeats}",
        ["nodes", "encoding, s", "whole run, s", "of processors, s"],
        [
            (nodes, *(f"{median(figures):.0f}" for figures in zip(*runs, strict=True)))
            for nodes, runs in taken.items()
        ],
    )
    print(f"negatives: {'the same' if len(negatives) == 1 else 'NOT the same'}")


class ProcessorClock:
    """Adds up the seconds of processors of all processes that this one has started, ended or not.

    It looks every half second, so that the last moments of each are missing.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[int, float], float] = {}
        self._before: dict[tuple[int, float], float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "ProcessorClock":
        self._look()
        self._before = dict(self._found)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()

    def seconds(self) -> float:
        """The seconds since it was entered."""
        return sum(self._found.values()) - sum(self._before.values())

    def _watch(self) -> None:
        while not self._end.wait(0.5):
            self._look()

    def _look(self) -> None:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                self._found[process.pid, process.create_time()] = times.user + times.system


if __name__ == "__main__":
    main()
