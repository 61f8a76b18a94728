"""The process that trains: it is followed, goes on after a kill, and its errors are told."""

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hn_assets.encoding.models.unchanged import hash_folder
from hn_assets.errors import TrainingError
from hn_assets.extras import MissingExtraError
from hn_assets.training import checkpoints
from hn_assets.training.fine_tune import fine_tune
from hn_assets.training.trainers.sentence_transformers import train
from hn_assets_tests.small_models import make_tiny_bert
from hn_assets_tests.training.jobs import make_job


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("tiny"))


def test_a_killed_training_goes_on_and_gives_the_same_weights(tmp_path: Path, tiny: Path) -> None:
    undisturbed = make_job(tmp_path / "undisturbed", tiny, epochs=4)
    train(undisturbed)
    job = make_job(tmp_path / "killed", tiny, epochs=4)

    def kill(line: str) -> None:
        # the second look at the validation part comes before its checkpoint is written
        if "step 6 of" in line and "eval_loss" in line:
            (process,) = children()
            os.kill(process, signal.SIGKILL)

    with pytest.raises(TrainingError, match="it was killed"):
        fine_tune(job, kill)
    lines: list[str] = []
    report = fine_tune(job, lines.append)
    assert report.resumed_at in (2, 4, 6)
    assert lines[0] == f"goes on from checkpoint-{report.resumed_at}"
    assert report.steps == 24
    (Path(undisturbed.output) / "training_log.json").unlink()
    (Path(job.output) / "training_log.json").unlink()
    assert hash_folder(Path(job.output)) == hash_folder(Path(undisturbed.output))


@pytest.mark.parametrize("trainer", ["sentence_transformers", "flagembedding"])
def test_the_trainers_own_events_are_read_by_tensorboard(
    tmp_path: Path, tiny: Path, trainer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra"
    )
    job = make_job(tmp_path / "job", tiny, tensorboard=True, trainer=trainer)
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(job.event_files))
    import_module(f"hn_assets.training.trainers.{trainer}").train(job)
    log = json.loads((Path(job.output) / "training_log.json").read_text())["log"]
    events = accumulator.EventAccumulator(str(job.event_files))
    events.Reload()
    read = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert read == [(row["step"], pytest.approx(row["loss"])) for row in log if "loss" in row]
    assert len(read) == 6
    if trainer == "sentence_transformers":
        assert [event.step for event in events.Scalars("eval/loss")] == [2, 4, 6]


def test_without_the_extra_nothing_is_trained_and_the_error_names_it(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hn_assets\[tensorboard\]'"):
        fine_tune(make_job(tmp_path / "job", tiny, tensorboard=True), lambda line: None)


def test_a_checkpoint_that_was_not_written_to_its_end_is_not_used(tmp_path: Path) -> None:
    assert checkpoints.newest_whole(tmp_path) is None
    for step, state in ((20, "{}"), (100, "{}"), (120, "{")):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-140").mkdir()
    assert checkpoints.newest_whole(tmp_path) == str(tmp_path / "checkpoint-100")
    assert not (tmp_path / "checkpoint-140").exists()


def children() -> list[int]:
    """The processes that this one has started and that train."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if int(status[1]) == os.getpid() and b"hn_assets.training.train" in command:
                found.append(int(folder.name))
    return found
