"""The YAML section `judge`: a language model that is asked about pairs of query and passage."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from hn_assets.settings_base import Settings


class JudgeSettings(Settings):
    """Which language model judges, on what, and how much it may be asked.

    Without the section `judge` none is asked. It needs the extra `judge`.
    """

    base_url: str = Field(
        pattern=r"^https?://",
        description="the endpoint, which speaks OpenAI's protocol, such as https://host/v1",
    )
    model: str = Field(min_length=1, description="the model's name at the endpoint")
    api_key_env: str = Field(
        default="OPENAI_API_KEY",
        pattern=r"^[A-Za-z0-9_]*$",
        description=(
            "the environment variable that holds the key, which stands nowhere else; empty: the "
            "endpoint needs none"
        ),
    )
    prompt: str = Field(
        default="",
        description=(
            "file of a prompt of your own, with {query}, {passage} and, if wanted, {positive}; "
            "default: the one in the documentation"
        ),
    )
    max_calls: int = Field(
        default=500, ge=0, description="calls in one run; what is left is asked in the next one"
    )
    dry_run: bool = Field(
        default=False, description="ask nothing, and say how many calls and tokens there would be"
    )
    check_negatives: int = Field(
        default=0,
        ge=0,
        description="so many of the chosen negatives are looked at, the most probably relevant",
    )
    on_relevant: Literal["relabel", "drop"] = Field(
        default="relabel",
        description=(
            "what becomes of a checked negative that the judge calls relevant, in the training "
            "files: a positive (`relabel`), or nothing (`drop`)"
        ),
    )
    concurrency: int = Field(default=4, ge=1, le=64, description="calls at a time")
    max_retries: int = Field(
        default=5,
        ge=0,
        le=20,
        description=(
            "how often a call is tried again after a rate limit, an error of the server or a "
            "time-out; a Retry-After of the server is obeyed"
        ),
    )
    timeout_seconds: float = Field(default=60.0, gt=0, description="of one call")
    max_characters: int = Field(
        default=8_000, ge=100, description="of query, passage and positive each; the rest is cut"
    )

    @field_validator("base_url")
    @classmethod
    def _hold_no_secret(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "must hold neither a name nor a password nor anything behind a question mark: the "
                "key belongs into the environment variable that judge.api_key_env names"
            )
        return url
