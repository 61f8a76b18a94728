"""The first ten minutes on a card: every question about it, by name and seconds.

    python -m benchmarks.gpu_first [--pack FOLDER] [--parts setup,forward] [--out FOLDER] [--small]

Each part runs in a process of its own with a time limit, so that one that fails or hangs costs no
other. FOLDER of `--pack` is what `benchmarks.gpu_pack` wrote, for machines without a package index:
its wheels are installed beside the machine's own packages. Without it the bundled model and the
texts of python_stdlib are used. `--small` is for trying the script where there is no card.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

# The parts in their order, with the seconds that each should take on a card. They stand here, not
# in the parts, whose imports a machine lacks until the pack is installed.
SECONDS = {
    "setup": 40,
    "ceilings": 15,
    "correct": 45,
    "tokenize": 40,
    "forward": 70,
    "unpadded": 60,
    "overlap": 40,
    "endtoend": 90,
    "compiled": 80,
    "oom": 15,
    "pool": 45,
    "rerank": 40,
    "search": 80,
}
PATIENCE = 2.0  # times a part's own seconds, then it is ended
ROW = "row: "  # before each row that a part's process prints, since libraries print there too


def main() -> None:
    """Run the parts and print their tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pack", type=Path, help="what benchmarks.gpu_pack wrote")
    parser.add_argument("--parts", default=",".join(SECONDS))
    parser.add_argument("--out", type=Path, help="a folder for the tables and logs")
    parser.add_argument(
        "--scratch", type=Path, help="a folder for models; default: a temporary one"
    )
    parser.add_argument("--device", default="", help="default: cuda:0 if there is one, else cpu")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = options.scratch or Path(temporary)
        scratch.mkdir(parents=True, exist_ok=True)
        if options.pack:
            from benchmarks.gpu_pack import unpack

            unpack(options.pack, scratch)
        results = run_parts(
            options.parts.split(","), scratch, device=options.device, small=options.small
        )
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "gpu_first.json").write_text(json.dumps(results, indent=1))
    failed = [name for name, result in results.items() if "failed" in result]
    if failed:
        raise SystemExit(f"parts that failed: {', '.join(failed)}")


def run_parts(names: list[str], scratch: Path, *, device: str, small: bool) -> dict[str, Any]:
    """The rows and seconds of each part, by its name; `failed` says why it did not end well."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            [str(scratch / "site"), str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
        ),
        "HF_HUB_OFFLINE": "1",
    }
    results: dict[str, Any] = {}
    for name in names:
        arguments = json.dumps(
            {"name": name, "scratch": str(scratch), "device": device, "small": small}
        )
        start = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.gpu_first", "--child", arguments]
        rows, failed = rows_printed_by(command, environment, SECONDS[name] * PATIENCE)
        seconds = round(time.perf_counter() - start, 1)
        results[name] = {"seconds": seconds, "rows": rows, **({"failed": failed} if failed else {})}
        print(f"\n## {name}: {seconds} s{failed}\n", flush=True)
        print_rows(rows)
    return results


def rows_printed_by(
    command: list[str], environment: dict[str, str], limit: float
) -> tuple[list[dict[str, Any]], str]:
    """The rows that a process prints within `limit` seconds, and what went wrong, if anything."""
    failed = ""
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=limit, check=False
        )
        printed = done.stdout
        if done.returncode:
            failed = f", failed ({done.returncode}): {done.stderr.decode()[-3000:]}"
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        failed = f", failed: not done after {limit:.0f} s"
    lines = printed.decode().splitlines()
    return [json.loads(line[len(ROW) :]) for line in lines if line.startswith(ROW)], failed


def run_part(name: str, scratch: str, device: str, small: bool) -> Iterator[dict[str, Any]]:
    """The rows of one part, each as soon as it is measured, in this process."""
    import torch

    from benchmarks.gpu_parts.base import Setting

    texts, model = Path(scratch) / "texts.json", Path(scratch) / "model"
    if not texts.exists():
        from benchmarks.measure import read_documents

        found = list(read_documents("python_stdlib", 64 if small else None).values())
        texts.write_text(json.dumps(found), encoding="utf-8")
    setting = Setting(
        device=device or ("cuda:0" if torch.cuda.is_available() else "cpu"),
        texts_file=str(texts),
        model_folder=str(model) if model.exists() else "",
        scratch=scratch,
        small=small,
    )
    print(asdict(setting), file=sys.stderr)
    yield from importlib.import_module(f"benchmarks.gpu_parts.{name}").run(setting)


def print_rows(rows: list[dict[str, Any]]) -> None:
    """A Markdown table with every column that a row has."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if columns:
        print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
        for row in rows:
            print(f"| {' | '.join(str(row.get(column, '')) for column in columns)} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        for row in run_part(**json.loads(sys.argv[2])):
            print(ROW + json.dumps(row), flush=True)
    else:
        main()
