"""A dataset: its name, its settings, and where its files lie."""

import os
from dataclasses import dataclass
from pathlib import Path

from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources import open_source
from hn_assets.sources.protocol import Source
from hn_assets.store import DatasetStore, open_store


@dataclass(frozen=True)
class Dataset:
    """One dataset's settings and its place in the store.

    Attributes:
        name: The name of the dataset: the first part of the asset keys, and their group.
        settings: The settings of its YAML file, with what a run changes.
        base: The folder that relative paths start from: the project's root.
        accepted: The names of the checks that a person accepts to fail in this run.
        run: The id of Dagster's run, which is told to those who wait for it.
    """

    name: str
    settings: DatasetSettings
    base: Path
    accepted: frozenset[str] = frozenset()
    run: str = ""

    @property
    def store(self) -> DatasetStore:
        """Where the assets lie: `$HN_DATA_DIR`, by default `data/` in the project.

        It is looked up when a step runs, not when definitions load, as the two can be different
        machines.
        """
        return open_store(self.base, self.name, os.environ)

    def open_source(self) -> Source:
        """The raw texts and judgements, with the labels and the verdicts that people gave."""
        review = self.settings.review
        return open_source(
            self.settings.source,
            self.base,
            self.settings.filters.reviewed_labels,
            "" if review is None else review.verdicts,
        )
