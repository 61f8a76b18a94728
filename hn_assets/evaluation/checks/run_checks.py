"""Runs checks on the files of a store, and remembers what each of them saw.

A result is kept beside the stage that was looked at, with the versions of all stages that were
read, so that a check looks again only if it would read something else. What a manifest says counts
on its own, because it can change while the files stay the same.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from hn_assets.errors import CheckFailedError, StoreError
from hn_assets.evaluation.checks.all_checks import checks_of
from hn_assets.evaluation.checks.base.check import Check
from hn_assets.evaluation.checks.base.last_training_set import ACCEPTED
from hn_assets.evaluation.checks.base.result import (
    CheckResult,
    CheckVerdict,
    blocking_failures,
)
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import DatasetStore, Manifest, layout
from hn_assets.store.layout import StageFile

_TRAINING_SET = layout.TRAINING_SET.stage
_NO_VERSION = ""  # stands for a training set that does not exist
_INFO = "/info"


class _Note(BaseModel):
    """The file that remembers what a check saw."""

    model_config = ConfigDict(extra="forbid")

    version: int
    settings: dict[str, Any]
    read: dict[str, str]
    result: CheckResult
    accepted: bool


class StoreInputs:
    """The inputs of checks, read from a store.

    Args:
        store: The store of the dataset.
        settings: All settings of the dataset.

    Attributes:
        read: The version of each stage that was read, by the name of the stage, and a hash of
            what its manifest says if that was read, by the name with `_INFO` behind it.
    """

    def __init__(self, store: DatasetStore, settings: DatasetSettings) -> None:
        self._store, self._settings = store, settings
        self.read: dict[str, str] = {}

    @property
    def settings(self) -> DatasetSettings:
        """All settings of the dataset."""
        return self._settings

    def file(self, stage_file: StageFile) -> Path:
        """The path of a published file, after its checksum was verified.

        Raises:
            StoreError: The stage was never materialized, or the file is missing or damaged.
        """
        place = self._store.stage(stage_file.stage)
        manifest = place.require()
        self.read[stage_file.stage] = manifest.version
        return place.file(stage_file.name, manifest)

    def info(self, stage: str) -> Mapping[str, Any]:
        """What the manifest of a stage says of how the stage was made.

        Raises:
            StoreError: The stage was never materialized, or its manifest is damaged.
        """
        manifest = self._store.stage(stage).require()
        self.read |= _states(stage, manifest, with_info=True)
        return manifest.info

    def accepted(self, what: str) -> Any:
        """An entry of `accepted_summary` of the last training set, or None if there is none."""
        manifest = self._last_training_set()
        self.read[_TRAINING_SET] = _NO_VERSION if manifest is None else manifest.version
        return None if manifest is None else manifest.info.get(ACCEPTED, {}).get(what)

    def would_read(self, read: Mapping[str, str]) -> bool:
        """Whether these stages still have the versions that were read, with undamaged files."""
        now: dict[str, str] = {}
        for stage in {name.removesuffix(_INFO) for name in read}:
            if stage == _TRAINING_SET:
                manifest = self._last_training_set()
            else:
                manifest = self._store.stage(stage).verified()
            now |= _states(stage, manifest, with_info=stage + _INFO in read)
        return now == dict(read)

    def _last_training_set(self) -> Manifest | None:
        """The manifest of the training set; a damaged one will be replaced and counts as none."""
        try:
            return self._store.stage(_TRAINING_SET).manifest()
        except StoreError:
            return None


def _states(stage: str, manifest: Manifest | None, *, with_info: bool) -> dict[str, str]:
    """What `StoreInputs.read` holds of a stage with this manifest."""
    if manifest is None:
        return {stage: _NO_VERSION}
    states = {stage: manifest.version}
    if with_info:
        text = json.dumps(dict(manifest.info), sort_keys=True)
        states[stage + _INFO] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return states


def run_check(
    check: Check,
    store: DatasetStore,
    settings: DatasetSettings,
    accepted: Collection[str] = (),
) -> CheckResult:
    """Let a check look at the files of a store, unless it has already looked at the same.

    Args:
        check: The check.
        store: The store of the dataset.
        settings: All settings of the dataset.
        accepted: The names of the checks that a person accepts to fail. For as long as the files
            stay the same, `read_verdicts` remembers that this check was among them.

    Raises:
        StoreError: A file that the check reads is missing or damaged.
    """
    inputs = StoreInputs(store, settings)
    note = _read_note(check, store, settings)
    if note is not None and inputs.would_read(note.read):
        read, result = note.read, note.result
    else:
        result = check.look(inputs)
        read = inputs.read
    fresh = _Note(
        version=check.version,
        settings=_relevant(settings),
        read=read,
        result=result,
        accepted=check.name in accepted,
    )
    if fresh != note:
        store.stage(check.stage).write_note(_note_name(check), fresh.model_dump())
    return result


def read_verdicts(
    store: DatasetStore, settings: DatasetSettings, accepted: Collection[str] = ()
) -> list[CheckVerdict]:
    """What every check has said of the files that are there now, in the order of the stages.

    No check is run. One that has looked at other files, or with other settings, counts as not run.

    Args:
        store: The store of the dataset.
        settings: All settings of the dataset.
        accepted: The names of the checks that a person accepts to fail, beside those that were
            accepted when they ran.
    """
    checks = checks_of(settings)
    notes = [_read_note(check, store, settings) for check in checks]
    read = {name.removesuffix(_INFO) for note in notes if note is not None for name in note.read}
    # each manifest is read once, since every look at a remote store is a request
    manifests = {stage: store.stage(stage).manifest() for stage in read - {_TRAINING_SET}}
    states: dict[str, str] = {}
    for stage, manifest in manifests.items():
        states |= _states(stage, manifest, with_info=True)
    verdicts: list[CheckVerdict] = []
    for check, note in zip(checks, notes, strict=True):
        if note is None or not _is_of(note.read, states):
            verdicts.append(check.verdict(None))
            continue
        is_accepted = note.accepted or check.name in accepted
        verdicts.append(check.verdict(note.result, accepted=is_accepted))
    return verdicts


def refuse_failures(
    store: DatasetStore, settings: DatasetSettings, accepted: Collection[str] = ()
) -> None:
    """Refuse to go on if a check that blocks has failed and nobody has accepted that.

    A check that has not looked at the files that are there now looks first. Those of stages that
    were never made are left out.

    Args:
        store: The store of the dataset.
        settings: All settings of the dataset.
        accepted: The names of the checks that a person accepts to fail, beside those that were
            accepted when they ran.

    Raises:
        CheckFailedError: A check that blocks has failed.
        StoreError: A file that a check reads is missing or damaged.
    """
    verdicts: list[CheckVerdict] = []
    for check, verdict in zip(
        checks_of(settings), read_verdicts(store, settings, accepted), strict=True
    ):
        if verdict.state == "not run" and store.stage(check.stage).manifest() is not None:
            result = run_check(check, store, settings, accepted)
            verdict = check.verdict(result, accepted=check.name in accepted)
        verdicts.append(verdict)
    failures = blocking_failures(verdicts)
    if failures:
        said = "; ".join(f"{v.check} of {v.asset}: {v.message}" for v in failures)
        raise CheckFailedError(
            f"the training set stays as it was, since these checks failed: {said}",
            list(dict.fromkeys(v.check for v in failures)),
        )


def _is_of(read: Mapping[str, str], states: Mapping[str, str]) -> bool:
    """Whether what was read is what is there now.

    The training set is left out: a refresh may have replaced it after its checks have run.
    """
    return all(
        states.get(name) == state
        for name, state in read.items()
        if name.removesuffix(_INFO) != _TRAINING_SET
    )


def _read_note(check: Check, store: DatasetStore, settings: DatasetSettings) -> _Note | None:
    """What a check saw the last time, or None if it would now look in another way.

    A note that cannot be read counts as none, so that the check looks again.
    """
    note = store.stage(check.stage).read_note(_note_name(check), _Note)
    if note is None or note.version != check.version or note.settings != _relevant(settings):
        return None
    return note


def _note_name(check: Check) -> str:
    return f"check-{check.name}.json"


def _relevant(settings: DatasetSettings) -> dict[str, Any]:
    """The settings that a check may depend on."""
    return settings.model_dump(mode="json", exclude={"job", "alerts"})
