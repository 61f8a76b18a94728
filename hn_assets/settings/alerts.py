"""The settings of alerts."""

from pydantic import Field

from hn_assets.settings_base import Settings


class AlertSettings(Settings):
    """Who is told of failed runs and failed checks, beside the log."""

    webhook: str = Field(
        default="",
        description=(
            "URL that gets each alert as JSON: text (all in one, as chat services show it), "
            "dataset, kind, title, lines, run_id, link"
        ),
    )
    hook: str = Field(
        default="",
        pattern=r"^([\w.]+:\w+)?$",
        description=(
            "a function of yours as `module:function`, called with each Alert (hn_assets/alerts)"
        ),
    )
    ui: str = Field(
        default="",
        description="address of the Dagster UI, such as https://dagster.example.org, for links",
    )
