"""What all benchmarks share: the machine in words, its peak, texts, graphs, medians, tables."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hn_assets.encoding.devices.card import matrix_product_rate
from hn_assets.text import passage_text


def describe_machine() -> str:
    """Processor, cores, matrix units and memory, in words."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    flags = fields.get("flags", "").split()
    units = [
        f"{'with' if flag in flags else 'no'} {name}"
        for flag, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX512-BF16"))
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    import torch

    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{os.cpu_count()} cores of {fields.get('model name', platform.machine())} "
        f"({', '.join(units)}), {memory:.0f} GiB, {card}; Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}; {time.strftime('%Y-%m-%d')}"
    )


MATMUL_SECONDS = 5.0


def matmul_peak(precision: str) -> float:
    """FLOP/s of a matrix product of 8,192 cubed on a card; without one, of the fastest tried."""
    import torch

    if torch.cuda.is_available():
        return matrix_product_rate("cuda", precision)
    best = 0.0
    for size in (1024, 2048, 4096):
        a = torch.randn(size, size, dtype=getattr(torch, precision))
        for repeat in range(8):
            start = time.perf_counter()
            a @ a
            seconds = time.perf_counter() - start
            if repeat > 1:
                best = max(best, 2 * size**3 / seconds)
            if seconds > MATMUL_SECONDS:  # a CPU without such units: larger ones are no faster
                return max(best, 2 * size**3 / seconds)
    return best


def read_documents(source: str, most: int | None = None) -> dict[str, str]:
    """Id and text (title, space, text) of a BEIR folder's first documents, or of python_stdlib."""
    if source == "python_stdlib":
        from hn_assets.sources.kinds.python_stdlib import PythonStdlib, PythonStdlibSettings

        settings = PythonStdlibSettings(type="python_stdlib")
        rows = PythonStdlib(settings).documents()
        documents = {row.id: passage_text(row.title, row.text, include_title=True) for row in rows}
    else:
        with (Path(source) / "corpus.jsonl").open(encoding="utf-8") as file:
            rows_ = map(json.loads, file)
            documents = {
                row["_id"]: passage_text(row.get("title", ""), row["text"], include_title=True)
                for row in rows_
            }
    return dict(list(documents.items())[:most])


def child(module: str, **options: Any) -> dict[str, Any]:
    """Run `python -m module --child JSON` and read the JSON of its last line.

    A process of its own for each measurement: memory is its own, and nothing is warm.
    """
    command = [sys.executable, "-m", module, "--child", json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_memory_mib() -> int:
    """The most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def rounds(
    module: str, contenders: Mapping[str, Mapping[str, Any]], repeats: int = 3
) -> dict[str, dict[str, Any]]:
    """Medians of every figure; the contenders take turns, so that a slow minute hits all."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    for number in range(repeats):
        for name, options in contenders.items():
            results[name].append(child(module, **options))
            print(f"round {number + 1}: {name}: {results[name][-1]}", file=sys.stderr, flush=True)
    return {
        name: {
            key: statistics.median(one[key] for one in found)
            if isinstance(found[0][key], (int, float))
            else found[0][key]
            for key in found[0]
        }
        for name, found in results.items()
    }


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A Markdown table under a line that names what was measured and where."""
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


def write_project(
    folder: Path, dataset: str, attributes: Mapping[str, Any], *, in_process: bool = True
) -> None:
    """A Dagster project with one dataset, as the README shows it.

    Without `in_process` each step has a process of its own, as Dagster does unless told.
    """
    defs = folder / "project" / "defs" / dataset
    defs.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n\n[tool.dg.project]\nroot_module = "project"\n'
    )
    (folder / "project" / "__init__.py").touch()
    executor = "dg.in_process_executor" if in_process else "None"
    (folder / "project" / "definitions.py").write_text(
        "from pathlib import Path\n\nimport dagster as dg\n\n\n@dg.definitions\n"
        "def defs():\n"
        "    found = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
        f"    return dg.Definitions.merge(found, dg.Definitions(executor={executor}))\n"
    )
    # JSON is YAML
    text = json.dumps({"type": "hn_assets.HardNegatives", "attributes": attributes}, indent=1)
    (defs / "defs.yaml").write_text(text)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")


def materialize(folder: Path, dataset: str, select: str | None = None) -> float:
    """Seconds of `dagster asset materialize`, interpreter starts included.

    It is of the whole dataset, unless `select` names assets in Dagster's selection syntax.
    """
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder / "home"),
        "HN_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())]),
    }
    command = [
        str(Path(sys.executable).with_name("dagster")),
        *(
            "asset",
            "materialize",
            "-m",
            "project.definitions",
            "--select",
            select or f"group:{dataset}",
        ),
    ]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"dagster asset materialize failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - start


def metadata(folder: Path, dataset: str, stage: str) -> dict[str, Any]:
    """What the latest materialization of an asset said of itself."""
    import dagster as dg  # here, as a machine that measures a card alone has no Dagster

    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey([dataset, stage]))
    assert event is not None and event.asset_materialization is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}
