"""How long `dagster definitions validate` takes, beside an empty Dagster project.

python -m benchmarks.startup
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import describe_machine, print_table

HEAVY = ("torch", "transformers", "faiss", "FlagEmbedding", "datasets", "sentence_transformers")
REPEATS = 5


def main() -> None:
    """Print the table, and which heavy modules the definitions import."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "empty.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
        times: dict[str, list[float]] = {"an empty project": [], "hn_assets": []}
        for _ in range(REPEATS):
            times["an empty project"].append(validate("empty", Path(scratch)))
            times["hn_assets"].append(validate("hn_assets", Path.cwd()))
    empty = statistics.median(times["an empty project"])
    print_table(
        f"dagster definitions validate, median of {REPEATS}. {describe_machine()}",
        ["project", "seconds", "ratio"],
        [
            (name, f"{statistics.median(t):.2f}", f"{statistics.median(t) / empty:.2f}x")
            for name, t in times.items()
        ],
    )
    code = (
        "import sys, hn_assets; hn_assets.project_defs().resolve_all_asset_specs(); "
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"\nheavy modules imported by the definitions: {done.stdout.strip()}")


def validate(module: str, folder: Path) -> float:
    """Seconds of one validation."""
    command = [str(Path(sys.executable).with_name("dagster")), "definitions", "validate"]
    start = time.perf_counter()
    subprocess.run(
        [*command, "-m", module],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
