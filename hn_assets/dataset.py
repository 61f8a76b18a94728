"""All settings of one dataset: what its `defs.yaml` may say, and the defaults of the rest."""

from collections.abc import Mapping

from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.alerts.settings import AlertSettings
from hn_assets.compute import ComputeSettings
from hn_assets.encoding.settings import EncodingSettings
from hn_assets.evaluation.settings import CheckSettings
from hn_assets.export.settings import ExportSettings
from hn_assets.mining.settings import MiningSettings, NegativesSettings
from hn_assets.scoring.settings import TeacherSettings
from hn_assets.search.settings import SearchSettings
from hn_assets.settings import Settings
from hn_assets.sources.settings import BeirSource, HubSource, SourceSettings


def environment_variables(dataset: str) -> tuple[str, str]:
    """The variables that name a dataset's local folder and its model, without an edit.

    >>> environment_variables("scifact")
    ('HN_SCIFACT_FOLDER', 'HN_SCIFACT_MODEL')
    """
    return f"HN_{dataset.upper()}_FOLDER", f"HN_{dataset.upper()}_MODEL"


class JobSettings(Settings):
    """What starts the dataset's job, and how often a failed step is tried again."""

    cron: str = Field(default="0 3 * * 1", description="of the schedule; default: Mondays at three")
    timezone: str = Field(default="UTC", description="of the cron expression")
    scheduled: bool = Field(
        default=False, description="switch the schedule on when the project is first loaded"
    )
    watched: bool = Field(
        default=False,
        description=(
            "switch the sensor on when the project is first loaded: it starts the job when the "
            "source or the model has changed"
        ),
    )
    watch_seconds: int = Field(
        default=60, ge=1, description="between two looks of the sensor, at least"
    )
    automated: bool = Field(
        default=False,
        description=(
            "give the assets automation conditions: Dagster then materializes the source by the "
            "cron expression, and each later asset when what it is made from was; leave schedule "
            "and sensor off"
        ),
    )
    tags: dict[str, str] = Field(
        default_factory=dict,
        description=(
            "of every run of the job, such as `dagster-k8s/config` with JSON that asks Kubernetes "
            "for a GPU"
        ),
    )
    one_process: bool = Field(
        default=True,
        description=(
            "run all steps of the job in one process, as they follow one another, and a process "
            "for each imports everything again; false: the executor of the project"
        ),
    )
    retries: int = Field(
        default=2, ge=0, description="of a failed step; never for input that is itself wrong"
    )
    retry_delay: float = Field(
        default=30, ge=0, description="seconds before the first retry; doubled for each further"
    )


class DatasetSettings(Settings):
    """One dataset, from its source to its training files.

    Only `source` must be given:

    >>> from hn_assets.sources.settings import PythonStdlibSource
    >>> DatasetSettings(source=PythonStdlibSource(type="python_stdlib")).mining.negatives
    15
    """

    dataset: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_]*$",
        description="first part of the asset keys; default: the name of the YAML file's folder",
    )
    source: SourceSettings = Field(description="where corpus, queries and qrels come from")
    encoding: EncodingSettings = Field(
        default_factory=EncodingSettings, description="the embedding model"
    )
    compute: ComputeSettings = Field(
        default_factory=ComputeSettings, description="device and precision"
    )
    search: SearchSettings = Field(
        default_factory=SearchSettings, description="index and depth of the rankings"
    )
    mining: MiningSettings = Field(
        default_factory=MiningSettings, description="which queries, ranks and how many"
    )
    negatives: NegativesSettings = Field(
        default_factory=NegativesSettings, description="which candidates may be negatives"
    )
    teacher: TeacherSettings | None = Field(
        default=None, description="a reranker that scores positives and candidates"
    )
    export: ExportSettings = Field(default_factory=ExportSettings, description="the training files")
    checks: CheckSettings = Field(
        default_factory=CheckSettings, description="how far a refresh may differ from the last"
    )
    job: JobSettings = Field(
        default_factory=JobSettings, description="schedule, sensor, tags and retries"
    )
    alerts: AlertSettings = Field(
        default_factory=AlertSettings, description="who is told of what failed"
    )

    @model_validator(mode="after")
    def _check_depth(self) -> Self:
        depth, end = self.search.depth, self.mining.end
        if depth is not None and depth < end:
            raise ValueError(
                f"search.depth {depth} ends before mining.range does, at {end}; leave "
                f"search.depth out or set it to {end} or more"
            )
        return self

    def with_environment(self, dataset: str, environment: Mapping[str, str]) -> Self:
        """These settings with the source's folder and the model that the environment names.

        A folder counts for sources of type `hub` and `beir`.
        """
        folder, model = (environment.get(name) for name in environment_variables(dataset))
        changes: dict[str, Settings] = {}
        if folder and isinstance(self.source, (HubSource, BeirSource)):
            changes["source"] = self.source.model_copy(update={"folder": folder})
        if model:
            changes["encoding"] = self.encoding.model_copy(update={"model": model})
        return self.model_copy(update=changes)
