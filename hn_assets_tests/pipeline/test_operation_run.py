"""Stages are made if something changed, read what they declare, and are published together."""

from dataclasses import replace
from pathlib import Path

import pytest

from hn_assets.errors import StoreError
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets_tests.pipeline.small_stages import (
    COPY,
    DIGITS,
    LETTERS,
    copy_stage,
    failing_stage,
    run_stages,
    small_dataset,
    write_stage,
)


def test_a_stage_that_reads_a_file_it_does_not_declare_fails(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    stages = [write_stage(LETTERS, "abc"), write_stage(DIGITS, "123")]
    with pytest.raises(AssertionError, match="copy does not declare that it reads.*digits"):
        run_stages(dataset, *stages, copy_stage(DIGITS, reads=[LETTERS]))
    assert dataset.store.stage(COPY.stage).manifest() is None
    run_stages(dataset, *stages, copy_stage(DIGITS, reads=[LETTERS, DIGITS]))
    assert dataset.store.file(COPY).read_text() == "123"


@pytest.mark.parametrize("is_atomic", [True, False])
def test_if_one_of_an_atomic_operation_fails_none_is_published(
    tmp_path: Path, is_atomic: bool
) -> None:
    dataset = small_dataset(tmp_path)
    run_stages(dataset, write_stage(LETTERS, "abc"), write_stage(DIGITS, "123"))
    with pytest.raises(RuntimeError, match="cannot be made"):
        run_stages(
            dataset,
            replace(write_stage(LETTERS, "ABC"), version=2),
            replace(failing_stage(DIGITS), version=2),
            is_atomic=is_atomic,
        )
    assert dataset.store.file(LETTERS).read_text() == ("abc" if is_atomic else "ABC")
    assert dataset.store.file(DIGITS).read_text() == "123"
    assert not list(tmp_path.rglob(".staging*"))


def test_a_stage_is_made_again_if_its_version_or_what_it_reads_changes(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)

    def made(*stages: Stage) -> list[str]:
        results = run_stages(dataset, *stages)
        assert [result.stage for result in results] == [stage.name for stage in stages]
        return [result.stage for result in results if not result.metadata["unchanged"]]

    letters, copy = write_stage(LETTERS, "abc"), copy_stage(LETTERS, reads=[LETTERS])
    assert made(letters, copy) == ["letters", "copy"]
    assert made(letters, copy) == []
    assert made(letters, replace(copy, version=2)) == ["copy"]
    # the same content has the same version: who reads it is not made again
    assert made(replace(letters, version=2), replace(copy, version=2)) == ["letters"]
    other = write_stage(LETTERS, "xyz", settings=lambda settings: {"text": "xyz"})
    assert made(other, replace(copy, version=2)) == ["letters", "copy"]
    assert dataset.store.file(COPY).read_text() == "xyz"


def test_a_stage_whose_content_cannot_be_told_beforehand_is_always_made(tmp_path: Path) -> None:
    stage = write_stage(LETTERS, "abc", identify=lambda run: None)
    dataset = small_dataset(tmp_path)
    first, second = (run_stages(dataset, stage)[0] for _ in range(2))
    assert not second.metadata["unchanged"]
    assert first.version == second.version


def test_only_the_selected_stages_are_made(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    stages = [write_stage(LETTERS, "abc"), write_stage(DIGITS, "123")]
    assert [r.stage for r in run_stages(dataset, *stages, selected={"digits"})] == ["digits"]
    assert dataset.store.stage(LETTERS.stage).manifest() is None


def test_files_of_a_stage_that_the_dataset_does_not_have_are_no_inputs(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    copy = copy_stage(LETTERS, reads=[LETTERS, DIGITS])
    run_stages(dataset, write_stage(LETTERS, "abc"), copy)
    assert dataset.store.file(COPY).read_text() == "abc"
    with pytest.raises(StoreError, match="small/digits has not been materialized"):
        run_stages(
            dataset,
            copy,
            write_stage(DIGITS, "123"),
        )


def test_what_a_version_uses_is_recorded_before_the_version_is_seen(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    seen: list[tuple[str, str | None]] = []

    def record(context: StageContext, version: str) -> None:
        manifest = context.place.manifest()
        seen.append((version, None if manifest is None else manifest.version))

    (result,) = run_stages(dataset, write_stage(LETTERS, "abc", published=record))
    assert seen == [(result.version, None)]
