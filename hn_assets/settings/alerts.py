"""The YAML section `alerts`: who is told of failed runs and failed checks."""

from pydantic import Field

from hn_assets.settings_base import Settings


class AlertSettings(Settings):
    """Who is told of failed runs and failed checks. They always stand in the log as well."""

    webhook: str = Field(
        default="",
        repr=False,  # it is a secret
        description=(
            "The URL that each alert is posted to as JSON, with the keys `text` (the whole alert, "
            "as chat services show it), `dataset`, `kind`, `title`, `lines`, `run_id` and `link`."
        ),
    )
    hook: str = Field(
        default="",
        pattern=r"^([\w.]+:\w+)?$",
        description=(
            "A function of your own, as `module:function`, that is called with each "
            "`hn_assets.alerts.alert.Alert`."
        ),
    )
    ui: str = Field(
        default="",
        description=(
            "The address of the Dagster UI, such as https://dagster.example.org, which alerts "
            "link to."
        ),
    )
