"""Runs checks on what lies in the store, and remembers what they found."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hn_assets.errors import StoreError
from hn_assets.evaluation.checks.check import Check, all_checks
from hn_assets.evaluation.checks.result import CheckResult, CheckVerdict
from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Manifest, layout
from hn_assets.store.layout import StageFile

TRAINING_SET = layout.TRAINING_SET.stage
ACCEPTED = "accepted"  # its key in the manifest of the training set: what later runs compare with


class StoredFiles:
    """The files of a dataset's stages as they are when a check runs; it records what was read."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.read: dict[str, str] = {}

    @property
    def settings(self) -> DatasetSettings:
        """The settings of this run."""
        return self.dataset.settings

    def file(self, stage_file: StageFile) -> Path:
        """A verified file of a stage."""
        self.info(stage_file.stage)
        return self.dataset.store.file(stage_file)

    def info(self, stage: str) -> Mapping[str, Any]:
        """What a stage says of how it was made."""
        manifest = self.dataset.store.stage(stage).require()
        self.read[stage] = manifest.version
        return manifest.info

    def accepted(self, what: str) -> Any:
        """What the last training set was made from; None if there is none to compare with."""
        manifest = self._last_training_set()
        self.read[TRAINING_SET] = "" if manifest is None else manifest.version
        return None if manifest is None else manifest.info.get(ACCEPTED, {}).get(what)

    def are_still(self, read: Mapping[str, str]) -> bool:
        """Whether the stages are of the versions that were read, and whole."""
        for stage, version in read.items():
            if stage == TRAINING_SET:
                manifest = self._last_training_set()
            else:
                manifest = self.dataset.store.stage(stage).verified()
            if version != ("" if manifest is None else manifest.version):
                return False
        return True

    def _last_training_set(self) -> Manifest | None:
        """Its manifest alone, as its files are no input of a check; damage is mended later."""
        try:
            return self.dataset.store.stage(TRAINING_SET).manifest()
        except StoreError:
            return None


def run_check(dataset: Dataset, check: Check) -> CheckResult:
    """What a check finds; what it found before, if it would read the same again.

    Raises:
        HardNegativesError: A file that it reads is missing or damaged.
    """
    kept, files = _kept(dataset, check), StoredFiles(dataset)
    if kept and files.are_still(kept["read"]):
        return CheckResult(**kept["result"])
    result = check.look(files)
    note = {**_made_by(dataset, check), "read": files.read, "result": asdict(result)}
    dataset.store.stage(check.stage).write_note(_note_name(check), note)
    return result


def read_verdicts(dataset: Dataset) -> list[CheckVerdict]:
    """What every check said of the files that are there now, in the order of the graph.

    It is for what comes after all of them: a check that stops a run lets nothing come after it
    unless a person accepts that.
    """
    checks = all_checks()
    # each stage once: if the store is remote, every look is a request
    names = {check.stage for check in checks}
    manifests = {name: dataset.store.stage(name).manifest() for name in names}
    versions = {name: found.version for name, found in manifests.items() if found is not None}
    return [_verdict(check, _kept(dataset, check), versions) for check in checks]


def _verdict(
    check: Check, kept: Mapping[str, Any] | None, versions: Mapping[str, str]
) -> CheckVerdict:
    # a training set that this run has made by now is not the one that checks compared with
    if kept is None or any(
        versions.get(stage) != version
        for stage, version in kept["read"].items()
        if stage != TRAINING_SET
    ):
        return check.verdict(None)
    return check.verdict(CheckResult(**kept["result"]), accepted=True)


def _kept(dataset: Dataset, check: Check) -> dict[str, Any] | None:
    """What a check found the last time, and what it read; None if it would look differently now."""
    kept = dataset.store.stage(check.stage).read_note(_note_name(check))
    made_by = _made_by(dataset, check)
    same = kept and all(kept.get(key) == value for key, value in made_by.items())
    return kept if same else None


def _made_by(dataset: Dataset, check: Check) -> dict[str, Any]:
    settings = dataset.settings.model_dump(mode="json", exclude={"job", "alerts"})
    return {"version": check.version, "settings": settings}


def _note_name(check: Check) -> str:
    return f"check-{check.name}.json"
