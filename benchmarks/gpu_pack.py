"""Pack what `benchmarks.gpu_first` needs on a machine without a package index.

    python -m benchmarks.gpu_pack FOLDER TARGET [--documents 33000] [--python 3.12]

FOLDER is in BEIR layout. TARGET gets two archives of at most 64 MiB each, to be copied one after
the other: `first.tar` with the packages that such a machine is likely to lack, the texts and the
tokenizer of all-MiniLM-L6-v2; `weights.tar` with its weights, rounded to float16.

This module imports nothing that the pack brings, as it unpacks it.
"""

import argparse
import json
import lzma
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

LIMIT = 64 << 20
# what a machine for deep learning is likely to lack; torch, transformers and pandas it has
PACKAGES = (
    "FlagEmbedding",
    "annotated-types",
    "datasets",
    "dill",
    "faiss-cpu",
    "ir-measures",
    "multiprocess",
    "pydantic",
    "pydantic-core",
    "pytrec-eval-terrier",
    "typing-inspection",
)
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64")
CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"


def main() -> None:
    """Write the two archives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--documents", type=int, default=33_000)
    parser.add_argument("--python", default="3.12")
    options = parser.parse_args()
    options.target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        download_wheels(scratch / "wheels", options.python)
        write_texts(options.folder, scratch / "texts.json.xz", options.documents)
        weights = save_rounded_model(scratch / "model")
        weights = weights.rename(scratch / weights.name)
        parts = [scratch / "wheels", scratch / "texts.json.xz", scratch / "model"]
        write_archive(options.target / "first.tar", parts)
        write_archive(options.target / "weights.tar", [weights])


def download_wheels(folder: Path, python: str) -> None:
    """The wheels of `PACKAGES`, in the versions of the constraints file."""
    pinned = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", CONSTRAINTS.read_text(), flags=re.MULTILINE))
    names = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pinned.items()}
    wanted = [f"{name}=={names[re.sub(r'[-_.]+', '-', name).lower()]}" for name in PACKAGES]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
    binary = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    platforms = [part for name in PLATFORMS for part in ("--platform", name)]
    for requirement in wanted:
        done = subprocess.run([*command, *binary, *platforms, requirement], check=False)
        if done.returncode:  # no wheel is published: build one here
            subprocess.run(
                [*command[:3], "wheel", *command[4:6], "-w", str(folder), requirement], check=True
            )


def write_texts(folder: Path, target: Path, most: int) -> None:
    """The first documents of a BEIR folder as a JSON list of texts, compressed."""
    from benchmarks.measure import read_documents

    texts = list(read_documents(str(folder), most).values())
    with lzma.open(target, "wt", encoding="utf-8") as file:
        json.dump(texts, file, ensure_ascii=False)


def save_rounded_model(folder: Path) -> Path:
    """all-MiniLM-L6-v2 with weights in float16, half the size; returns the file of the weights."""
    import torch
    from safetensors.torch import load_file, save_file

    from hn_assets.encoding.models.model import bundled_model_folder

    shutil.copytree(bundled_model_folder(), folder, ignore=shutil.ignore_patterns("*.md", ".*"))
    weights = folder / "model.safetensors"
    rounded = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in load_file(weights).items()
    }
    save_file(rounded, weights, metadata={"format": "pt"})
    return weights


def write_archive(path: Path, parts: list[Path]) -> None:
    """A tar file of `parts`.

    Raises:
        SystemExit: It is larger than what can be copied at once.
    """
    with tarfile.open(path, "w") as archive:
        for part in parts:
            archive.add(part, part.name)
    size = path.stat().st_size
    print(f"{path.name}: {size / 2**20:.1f} MiB")
    if size > LIMIT:
        raise SystemExit(f"{path} is larger than {LIMIT >> 20} MiB: take fewer documents")


def unpack(pack: Path, scratch: Path) -> None:
    """Install the wheels, decompress the texts and widen the weights of what lies in `pack`."""
    scratch.mkdir(parents=True, exist_ok=True)
    for path in sorted(pack.glob("*.tar")):
        done = scratch / f"{path.name}.done"
        if done.exists():
            continue
        with tarfile.open(path) as archive:
            archive.extractall(scratch, filter="data")
        done.touch()
    if (scratch / "wheels").exists() and not (scratch / "site").exists():
        wheels = [str(path) for path in (scratch / "wheels").glob("*.whl")]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        target = ["--no-compile", "--target", str(scratch / "site")]
        subprocess.run([*command, *target, *wheels], check=True)
    packed = scratch / "texts.json.xz"
    if packed.exists() and not (scratch / "texts.json").exists():
        with lzma.open(packed) as source, (scratch / "texts.json").open("wb") as target_file:
            shutil.copyfileobj(source, target_file)
    rounded = scratch / "model.safetensors"
    if rounded.exists():
        _widen(rounded, scratch / "model" / rounded.name)
        rounded.unlink()


def _widen(path: Path, target: Path) -> None:
    """Store the rounded weights as float32, as a model in float16 would be loaded as that."""
    import torch
    from safetensors.torch import load_file, save_file

    tensors: dict[str, Any] = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(path).items()
    }
    assert all(tensor.dtype is not torch.float16 for tensor in tensors.values())
    save_file(tensors, target, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
