"""The source type `hub`: BEIR-style datasets of the Hugging Face hub."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from typing_extensions import Self

from hn_assets.errors import HubError
from hn_assets.sources.csv_rows import line_breaks_field
from hn_assets.sources.data_files import read_data_file
from hn_assets.sources.hub_repository import HubRepository, LocalRepository, open_repository
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
    line_breaks: bool = line_breaks_field()
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

    def origin(self, base: Path) -> str:
        """The names of the datasets of the hub, if they are no local folders."""
        names = (self.dataset, self.qrels_dataset or f"{self.dataset}-qrels")
        if self.folder or any((base / Path(name).expanduser()).is_dir() for name in names):
            return super().origin(base)
        return f"the datasets {names[0]} and {names[1]} of the Hugging Face hub"

    def with_folder(self, folder: str) -> Self:
        """These settings with a local folder that is read instead of the hub."""
        return self.model_copy(update={"folder": folder})


class HubDataset(Source):
    """Configurations `corpus` and `queries` of one dataset, and a second dataset with the qrels.

    All files are those of the commits at which the datasets are when they are first looked at.
    """

    def __init__(self, settings: HubSettings, base: Path) -> None:
        self._texts = open_repository(settings.dataset, base, settings.revision)
        qrels = settings.qrels_dataset or f"{settings.dataset}-qrels"
        self._qrels = open_repository(qrels, base, settings.qrels_revision)
        self._line_breaks = settings.line_breaks

    def describe(self) -> dict[str, str]:
        """The type, and the names and revisions of both datasets."""
        return {
            "type": "hub",
            "location": self._texts.name,
            "revision": self._texts.describe_revision(),
            "qrels": self._qrels.name,
            "qrels_revision": self._qrels.describe_revision(),
        }

    def files(self) -> None:
        """None, because the files belong to the cache of the hub."""

    def fingerprint(self) -> str | None:
        """The commits of both datasets, or a hash of the files if they lie in local folders.

        Raises:
            HubError: The hub does not say which commit a dataset is at.
        """
        with _naming_a_remedy():
            parts = self._texts.fingerprint(), self._qrels.fingerprint()
        return None if None in parts else f"{parts[0]} {parts[1]}"

    def state(self) -> str:
        """A hash of the commits that corpus, queries and qrels are at.

        Of a dataset in a local folder, the sizes and times of its files count.

        Raises:
            HubError: The hub cannot be asked.
        """
        states = f"{self._texts.state()}\n{self._qrels.state()}"
        return hashlib.sha256(states.encode()).hexdigest()[:16]

    def documents(self) -> Iterator[Document]:
        """The rows of the configuration `corpus`."""
        for where, row, _ in self._rows(self._texts, "corpus", ["_id", "text"], ["title"]):
            yield make_document(row, where)

    def queries(self) -> Iterator[Query]:
        """The rows of the configuration `queries`."""
        for where, row, _ in self._rows(self._texts, "queries", ["_id", "text"]):
            yield make_query(row, where)

    def qrels(self) -> Iterator[Qrel]:
        """The rows of every split of the qrels dataset."""
        columns = ["query-id", "corpus-id", "score"]
        for where, row, split in self._rows(self._qrels, None, columns):
            yield Qrel(
                read_id(row["query-id"], "query-id", where),
                read_id(row["corpus-id"], "corpus-id", where),
                read_score(row["score"], where),
                split,
                where,
            )

    def _rows(
        self,
        repository: HubRepository | LocalRepository,
        configuration: str | None,
        required: list[str],
        optional: Sequence[str] = (),
    ) -> Iterator[tuple[str, dict[str, Any], str]]:
        """Yield the rows of a configuration between their places and the names of their splits."""
        with _naming_a_remedy():
            files = list(repository.files(configuration))
        for split, path in files:
            rows = read_data_file(path, required, optional, line_breaks=self._line_breaks)
            for where, row in rows:
                yield f"{repository.name} {where}", row, split


@contextmanager
def _naming_a_remedy() -> Iterator[None]:
    try:
        yield
    except HubError as error:
        raise type(error)(
            f"{error}. If the hub cannot be reached, set source.folder to a local folder in BEIR "
            f"layout: corpus.jsonl, queries.jsonl, qrels/<split>.tsv"
        ) from error
