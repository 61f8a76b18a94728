"""What a stage is: declared once, in the file of its asset, and read by everything that runs it.

From one declaration follow the edges of the graph, what a stage's content depends on, when it is
stale, and which files it may read and must write.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Draft
from hn_assets.store.layout import StageFile

Resolved = Mapping[str, Any]


def _nothing(settings: DatasetSettings) -> Resolved:
    return {}


def _always(settings: DatasetSettings) -> bool:
    return True


@dataclass(frozen=True)
class Stage:
    """One stage of a dataset.

    Attributes:
        writes: The files that it publishes; their stage is its name, and the last part of its asset
            key.
        description: What it holds, in a sentence for the user interface.
        make: Writes the files into the draft and returns the metadata.
        version: Names the code. Raise it when the same input and settings would give other output;
            a golden test of a tiny dataset fails if that was forgotten.
        reads: The files that it reads; files of stages that a dataset does not have are left out.
        published: Is told the new version when its files are in place, just before readers see it.
        settings: The settings that its content depends on, every default resolved, as JSON can hold
            them.
        identify: What else its content depends on, which only a run can know, such as a hash of the
            model's weights. A result of None says that it cannot be known before the stage is
            made, which is then always done.
        after: Names of stages that must be done first, and whose checks must have passed, although
            none of their files is read.
        is_part_of: Whether a dataset with these settings has the stage.
        kinds: What the user interface shows as the technologies behind it.
        operation: The name of the operation that makes it together with others; by default it has
            one of its own.
        uses_device: Whether it computes on a GPU if there is one, so that only one such stage runs
            at a time.
        mines: Whether it mines, which the nodes of a cluster do if there are many queries.
    """

    writes: Sequence[StageFile]
    description: str
    make: Callable[[StageContext, Draft], Metadata]
    version: int
    reads: Sequence[StageFile] = ()
    published: Callable[[StageContext, str], None] | None = None
    settings: Callable[[DatasetSettings], Resolved] = _nothing
    identify: Callable[[StageContext], Resolved | None] | None = None
    after: Sequence[StageFile] = ()
    is_part_of: Callable[[DatasetSettings], bool] = _always
    kinds: Callable[[DatasetSettings], set[str]] = lambda settings: set()
    operation: str = ""
    uses_device: bool = False
    mines: bool = False

    @property
    def name(self) -> str:
        """The name of the stage, which is the last part of its asset key."""
        return self.writes[0].stage

    def code_version(self, settings: DatasetSettings) -> str:
        """Changes with the version and with the settings that the content depends on."""
        made_by = json.dumps([self.version, self.settings(settings)], sort_keys=True)
        return hashlib.sha256(made_by.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Operation:
    """Stages that one step of a run makes, since they share work.

    Attributes:
        name: The name of the step.
        stages: The stages, in the order in which they are made.
        is_atomic: Whether either all of them are published or none.
    """

    name: str
    stages: tuple[Stage, ...]
    is_atomic: bool = False

    @property
    def uses_device(self) -> bool:
        """Whether one of its stages computes on a GPU if there is one."""
        return any(stage.uses_device for stage in self.stages)

    @property
    def mines(self) -> bool:
        """Whether one of its stages mines."""
        return any(stage.mines for stage in self.stages)


def declared_reads(stage: Stage, stages: Iterable[Stage]) -> list[StageFile]:
    """The files that a stage reads, of those stages that a dataset has."""
    known = {other.name for other in stages}
    return [file for file in stage.reads if file.stage in known]


def upstream_names(stage: Stage, stages: Iterable[Stage]) -> list[str]:
    """The names of the stages that a stage depends on, of those that a dataset has."""
    known = {other.name for other in stages}
    wanted = dict.fromkeys(file.stage for file in (*stage.reads, *stage.after))
    return [name for name in wanted if name in known and name != stage.name]


def direct_upstream_names(stage: Stage, stages: Sequence[Stage]) -> list[str]:
    """The names of those that do not come before another one of them.

    These are the edges that a person needs to see: the rest follows from them.
    """
    by_name = {other.name: other for other in stages}
    earlier: set[str] = set()
    direct = upstream_names(stage, stages)
    waiting = [by_name[name] for name in direct]
    while waiting:
        before = upstream_names(waiting.pop(), stages)
        waiting += [by_name[name] for name in before if name not in earlier]
        earlier.update(before)
    return [name for name in direct if name not in earlier]
