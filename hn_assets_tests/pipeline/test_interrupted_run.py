"""A run that is killed at any step of publishing leaves nothing that the next run does not mend."""

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.stage_run import StageResult
from hn_assets_tests.pipeline.small_stages import (
    LETTERS,
    run_stages,
    small_dataset,
    write_stage,
)


def run(dataset: Dataset, text: str) -> StageResult:
    stage = write_stage(LETTERS, text, settings=lambda settings: {"text": text})
    return run_stages(dataset, stage)[0]


def run_and_die_before(step: int, dataset: Dataset, text: str) -> bool:
    """Run in a process that is killed before it renames for the `step`-th time; whether it was."""
    child = os.fork()
    if child == 0:
        try:
            rename, left = Path.replace, [step]

            def die_or_rename(self: Path, target: Any) -> Path:
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)
                return rename(self, target)

            Path.replace = die_or_rename  # type: ignore[method-assign]
            run(dataset, text)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def told(result: StageResult) -> dict[str, Any]:
    return {k: v for k, v in result.metadata.items() if k not in ("unchanged", "peak_memory_mib")}


def test_whenever_a_run_is_killed_the_next_one_leaves_what_an_undisturbed_one_does(
    tmp_path: Path,
) -> None:
    step = 0
    while True:
        dataset = small_dataset(tmp_path / str(step))
        run(dataset, "old")
        killed = run_and_die_before(step, dataset, "new")
        assert dataset.store.file(LETTERS).read_text() in ("old", "new")
        found = run(dataset, "new")
        assert found.metadata["characters"] == 3
        assert told(run(dataset, "new")) == told(found)
        folder = dataset.store.stage(LETTERS.stage).folder
        assert (folder / "latest").readlink() == Path(found.version)
        assert dataset.store.file(LETTERS).read_text() == "new"
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
        if not killed:
            break
        step += 1
    assert step == 5, "the files, what is said of them, the manifest, its copy, and `latest`"


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe",
        b"",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"version": 7, "metadata": {}}',
        b'{"version": "VERSION", "metadata": []}',
        b'{"version": "VERSION", "metadata": {"characters": 3}}',
        b'{"version": "VERSION", "metadata": {"characters": {"shown_as": "nothing"}}}',
        b'{"version": "VERSION", "metadata": {"characters": {"shown_as": "table"}}}',
        None,
        "flip",
    ],
)
def test_a_note_that_cannot_be_read_is_made_again_with_its_stage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes | str | None
) -> None:
    dataset = small_dataset(tmp_path)
    first = run(dataset, "abc")
    note = dataset.store.stage(LETTERS.stage).folder / "metadata.json"
    if damage is None:
        note.unlink()
    elif isinstance(damage, str):
        note.write_bytes(note.read_bytes().replace(b'"value": 3', b'"value": 7'))
    else:
        note.write_bytes(damage.replace(b"VERSION", first.version.encode()))
    with caplog.at_level(logging.WARNING):
        again = run(dataset, "abc")
    assert "metadata.json is missing or damaged: small/letters is made again" in caplog.text
    assert told(again) == told(first)
    assert run(dataset, "abc").metadata["unchanged"]


def test_a_store_whose_notes_have_no_checksums_is_read(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    first = run(dataset, "abc")
    note = dataset.store.stage(LETTERS.stage).folder / "metadata.json"
    content = json.loads(note.read_text())
    del content["checksum"]
    note.write_text(json.dumps(content))
    again = run(dataset, "abc")
    assert again.metadata == {**first.metadata, "unchanged": True}


def test_a_changed_stage_takes_the_place_of_a_damaged_one(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    run(dataset, "abc")
    for name in ("manifest.json", "manifest-copy.json"):
        (dataset.store.stage(LETTERS.stage).folder / name).write_bytes(b"\xff")
    stage = replace(write_stage(LETTERS, "xyz"), version=2)
    assert run_stages(dataset, stage)[0].metadata["characters"] == 3
    assert dataset.store.file(LETTERS).read_text() == "xyz"
