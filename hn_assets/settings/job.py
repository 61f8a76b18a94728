"""The YAML section `job`: what starts a refresh, and how a failed step is tried again."""

from pydantic import Field

from hn_assets.settings_base import Settings


class JobSettings(Settings):
    """What starts the dataset's job, and how often a failed step is tried again."""

    cron: str = Field(default="0 3 * * 1", description="of the schedule; default: Mondays at three")
    timezone: str = Field(default="UTC", description="of the cron expression")
    schedule_enabled: bool = Field(
        default=False, description="switch the schedule on when the project is first loaded"
    )
    sensor_enabled: bool = Field(
        default=False,
        description=(
            "switch the sensor on when the project is first loaded: it starts the job when the "
            "source or the model has changed"
        ),
    )
    sensor_interval_seconds: int = Field(
        default=60, ge=1, description="between two looks of the sensor, at least"
    )
    automation_conditions: bool = Field(
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
    in_process: bool = Field(
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
