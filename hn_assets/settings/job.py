"""The YAML section `job`: what starts a refresh, and how a failed step is tried again."""

from pydantic import Field, field_validator

from hn_assets.settings_base import Settings

RUN_TAGS = "hn_assets/"  # how the tags begin that hold for a single run


class JobSettings(Settings):
    """What starts the dataset's job, and how often a failed step is tried again."""

    cron: str = Field(
        default="0 3 * * 1",
        description="The cron expression of the schedule. The default is Mondays at three.",
    )
    timezone: str = Field(
        default="UTC", description="The time zone that the cron expression is read in."
    )
    schedule_enabled: bool = Field(
        default=False,
        description="Whether the schedule is on when the project is first loaded.",
    )
    sensor_enabled: bool = Field(
        default=False,
        description=(
            "Whether the sensor is on when the project is first loaded. The sensor starts the job "
            "when the source, the model or the teacher has changed."
        ),
    )
    sensor_interval_seconds: int = Field(
        default=60,
        ge=1,
        description="The shortest time between two evaluations of the sensor, in seconds.",
    )
    automation_conditions: bool = Field(
        default=False,
        description=(
            "Whether the assets get automation conditions. Dagster then materializes the source by "
            "the cron expression, and each later asset after what it is made from. Leave schedule "
            "and sensor off in that case."
        ),
    )
    tags: dict[str, str] = Field(
        default_factory=dict,
        description=(
            "Tags of every run of the job, such as `dagster-k8s/config` with JSON that asks "
            "Kubernetes for a GPU."
        ),
    )
    in_process: bool = Field(
        default=True,
        description=(
            "Whether all steps of the job run in one process. That saves importing everything "
            "again for each step. If it is false, the executor of the project runs them."
        ),
    )
    retries: int = Field(
        default=2,
        ge=0,
        description=(
            "How often a failed step is tried again. A step that failed because its input or a "
            "setting is wrong is not."
        ),
    )
    retry_delay: float = Field(
        default=30,
        ge=0,
        description="The seconds before the first retry. Each further retry waits twice as long.",
    )
    max_wait_seconds: float = Field(
        default=86_400,
        ge=0,
        description=(
            "How long a run waits for another run that is making the same stage, on this machine "
            "or on another one, before it fails with an error that names the other. The default is "
            "a day."
        ),
    )

    @field_validator("tags")
    @classmethod
    def _check_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        for name in tags:
            if name.startswith(RUN_TAGS):
                raise ValueError(
                    f"job.tags names {name}, which is for a single run: here it would hold for "
                    f"every run to come. Leave it out, and give it in the Launchpad to the run "
                    f"that it is meant for"
                )
        return tags
