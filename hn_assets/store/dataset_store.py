"""The store of one dataset: a local folder for each stage, and perhaps a place under a URL."""

from collections.abc import Mapping
from pathlib import Path

from hn_assets.errors import StoreError
from hn_assets.store.layout import CHECKPOINTS, JUDGE_ANSWERS, TRIAL_RUNS, VECTOR_CACHE, StageFile
from hn_assets.store.remote import Remote
from hn_assets.store.stage_store import StageStore


class DatasetStore:
    """All stages of one dataset, under `<root>/<dataset>`.

    Args:
        root: The local folder of all datasets.
        dataset: The name of the dataset.
        remote: A place under a URL that published files are written to as well. If it is given,
            what lies there is what counts, and `root` only holds copies of it.

    >>> store = DatasetStore(Path("data"), "scifact")
    >>> store.stage("corpus").folder.as_posix()
    'data/scifact/corpus'
    """

    def __init__(self, root: Path, dataset: str, remote: Remote | None = None) -> None:
        self.root = root
        self.dataset = dataset
        self.remote = remote

    @property
    def vectors(self) -> Path:
        """The folder in which the encoder keeps every vector that it has made, for later runs."""
        return self.root / self.dataset / VECTOR_CACHE

    @property
    def checkpoints(self) -> Path:
        """The folder in which a training keeps what it goes on from if it is killed."""
        return self.root / self.dataset / CHECKPOINTS

    @property
    def judge_answers(self) -> Path:
        """The file of all answers of a judge, which no run asks for again."""
        return self.root / self.dataset / JUDGE_ANSWERS

    @property
    def trial_runs(self) -> Path:
        """The folder in which a trial keeps what its runs gave, for one that is killed."""
        return self.root / self.dataset / TRIAL_RUNS

    def lock(self, what: str) -> Path:
        """The path of the file that is locked while `what` is being made."""
        return self.root / self.dataset / f".{what}.lock"

    def stage(self, name: str) -> StageStore:
        """The place of the stage `name`, whether or not it was ever materialized."""
        asset = f"{self.dataset}/{name}"
        return StageStore(self.root / self.dataset / name, asset, self.remote)

    def file(self, stage_file: StageFile) -> Path:
        """The path of a file of a stage's current version, after its checksum was verified.

        Raises:
            StoreError: The stage was never materialized, or the file is missing or is not the one
                that was published.
        """
        return self.stage(stage_file.stage).file(stage_file.name)


def open_store(base: Path, dataset: str, environment: Mapping[str, str]) -> DatasetStore:
    """Open the store that the environment names.

    Args:
        base: The folder that relative paths are resolved against.
        dataset: The name of the dataset.
        environment: The environment variables. `HN_DATA_DIR` is a folder (default `data`) or a
            URL such as `s3://bucket/assets`. With a URL, `HN_WORK_DIR` (default `data`) is the
            local folder. `~` is the home folder in both.

    Raises:
        StoreError: The home folder of a path that begins with `~` is not known.
        RemoteStoreError: `HN_DATA_DIR` is a URL that cannot be opened.
    """
    location = environment.get("HN_DATA_DIR") or "data"
    if "://" not in location:
        return DatasetStore(_folder(base, "HN_DATA_DIR", location), dataset)
    local = _folder(base, "HN_WORK_DIR", environment.get("HN_WORK_DIR") or "data")
    return DatasetStore(local, dataset, Remote(location))


def _folder(base: Path, variable: str, path: str) -> Path:
    try:
        return base / Path(path).expanduser()
    except RuntimeError as error:
        raise StoreError(f"{variable}={path}: {error}; write the folder out") from error
