"""The source type `hub`: BEIR-style datasets of the Hugging Face hub, read by `datasets`."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from typing_extensions import Self

from hn_assets.errors import HubError
from hn_assets.hub import commit_on_hub
from hn_assets.sources.kinds.beir import BeirFolder, make_document, make_query
from hn_assets.sources.protocol import Document, Qrel, Query, Source, SourceSettings
from hn_assets.sources.read_fields import read_id, read_score


class HubSettings(SourceSettings):
    """A BEIR-style dataset on the Hugging Face hub."""

    type: Literal["hub"]
    dataset: str = Field(
        min_length=1,
        description=(
            "dataset with the configurations `corpus` and `queries`, such as BeIR/scifact; or a "
            "local folder of the same layout"
        ),
    )
    qrels_dataset: str = Field(
        default="", description="dataset with the qrels; default: the same name + `-qrels`"
    )
    revision: str | None = Field(default=None, description="commit, tag or branch of `dataset`")
    qrels_revision: str | None = Field(
        default=None, description="commit, tag or branch of `qrels_dataset`"
    )
    folder: str = Field(
        default="",
        description=(
            "a local folder in BEIR layout to read instead if the hub cannot be reached; "
            "`HN_<DATASET>_FOLDER` in the environment sets it without an edit"
        ),
    )

    def open(self, base: Path) -> Source:
        """The dataset of the hub, or the local folder if one is set."""
        if self.folder:
            return BeirFolder(base / Path(self.folder).expanduser())
        return HubDataset(self, base)

    @property
    def technology(self) -> str:
        """The name under which the hub is known."""
        return "huggingface"

    def with_folder(self, folder: str) -> Self:
        """These settings with a local folder that is read instead of the hub."""
        return self.model_copy(update={"folder": folder})


class HubDataset(Source):
    """Configurations `corpus` and `queries` of one dataset, and a second dataset with the qrels.

    `datasets` keeps what it has downloaded in its own cache and maps it into memory.
    """

    def __init__(self, settings: HubSettings, base: Path) -> None:
        self.dataset = _local_or_name(settings.dataset, base)
        default = f"{settings.dataset}-qrels"
        self.qrels_dataset = _local_or_name(settings.qrels_dataset or default, base)
        self.revision = settings.revision
        self.qrels_revision = settings.qrels_revision

    def describe(self) -> dict[str, str]:
        """The type, and the names and revisions of both datasets."""
        return {
            "type": "hub",
            "location": self.dataset,
            "revision": self.revision or "default branch",
            "qrels": self.qrels_dataset,
            "qrels_revision": self.qrels_revision or "default branch",
        }

    def files(self) -> None:
        """None, because `datasets` keeps the files in its own cache."""

    def fingerprint(self) -> str | None:
        """None: only `datasets` itself notices that a hub dataset has changed, from its cache."""
        return None

    def state(self) -> str:
        """A hash of the commits that corpus, queries and qrels are at.

        Of a dataset in a local folder, the time of the last change counts.

        Raises:
            HubError: The hub cannot be asked.
        """
        revisions = (
            _revision(self.dataset, self.revision),
            _revision(self.qrels_dataset, self.qrels_revision),
        )
        return hashlib.sha256("\n".join(revisions).encode()).hexdigest()[:16]

    def documents(self) -> Iterator[Document]:
        """The rows of the configuration `corpus`."""
        for rows in self._load(self.dataset, "corpus", self.revision).values():
            for number, row in enumerate(rows):
                where = f"{self.dataset} corpus, row {number}"
                yield make_document(row, where)

    def queries(self) -> Iterator[Query]:
        """The rows of the configuration `queries`."""
        for rows in self._load(self.dataset, "queries", self.revision).values():
            for number, row in enumerate(rows):
                where = f"{self.dataset} queries, row {number}"
                yield make_query(row, where)

    def qrels(self) -> Iterator[Qrel]:
        """The rows of every split of the qrels dataset."""
        loaded = self._load_qrels()
        for split, rows in loaded.items():
            for number, row in enumerate(rows):
                where = f"{self.qrels_dataset} {split}, row {number}"
                yield Qrel(
                    read_id(row.get("query-id"), "query-id", where),
                    read_id(row.get("corpus-id"), "corpus-id", where),
                    read_score(row.get("score"), where),
                    split,
                    where,
                )

    def _load_qrels(self) -> dict[str, Iterable[dict[str, Any]]]:
        """The qrels with ids as text, because `datasets` would read 007 in a table as 7."""
        import datasets

        names = ("query-id", "corpus-id", "score")
        as_text = datasets.Features({name: datasets.Value("string") for name in names})
        try:
            return self._load(self.qrels_dataset, None, self.qrels_revision, as_text)
        except HubError as error:
            if isinstance(error.__cause__, OSError):
                raise
            # further columns do not fit the features, so `datasets` must infer them all
            return self._load(self.qrels_dataset, None, self.qrels_revision)

    def _load(
        self, name: str, configuration: str | None, revision: str | None, features: Any = None
    ) -> dict[str, Iterable[dict[str, Any]]]:
        import datasets

        try:
            splits: Any = datasets.load_dataset(
                name, configuration, revision=revision, features=features
            )
        except Exception as error:  # `datasets` passes on the errors of every library below it
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise HubError(
                f"the dataset {name} cannot be loaded from the Hugging Face hub ({reason}). If "
                f"the hub cannot be reached, set source.folder to a local folder in BEIR layout: "
                f"corpus.jsonl, queries.jsonl, qrels/<split>.tsv"
            ) from error
        return {str(split): rows for split, rows in splits.items()}


def _local_or_name(name: str, base: Path) -> str:
    local = base / Path(name).expanduser()
    return str(local) if local.is_dir() else name


def _revision(name: str, revision: str | None) -> str:
    if Path(name).is_dir():
        return str(max(path.stat().st_mtime_ns for path in Path(name).rglob("*")))
    return commit_on_hub(name, "dataset", revision)
