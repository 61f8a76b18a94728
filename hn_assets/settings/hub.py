"""The YAML section `hub`: what is pushed to the Hugging Face hub, and where to."""

from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.settings_base import Settings

REPO_ID = r"^([\w-][\w.-]*/[\w-][\w.-]*)?$"


class HubPushSettings(Settings):
    """Repositories of the hub that training files and the promoted model are pushed to.

    Without the section `hub` nothing is pushed. The token is read from HF_TOKEN.
    """

    dataset_repo: str = Field(
        default="",
        pattern=REPO_ID,
        description="the dataset that the training files are pushed to, as `owner/name`",
    )
    model_repo: str = Field(
        default="",
        pattern=REPO_ID,
        description=(
            "the model that the promoted model is pushed to, as `owner/name`; needs the section "
            "training"
        ),
    )
    private: bool = Field(
        default=True,
        description="whether a repository that does not exist yet is made a private one",
    )
    license: str = Field(
        default="",
        pattern=r"^[a-z0-9.+-]*$",
        description=(
            "the licence that the cards state, as the hub abbreviates it: `cc-by-4.0`; default: "
            "they state none"
        ),
    )
    overwrite: bool = Field(
        default=False,
        description=(
            "replace files of the repositories that somebody else has changed; without it, such a "
            "file is an error"
        ),
    )

    @model_validator(mode="after")
    def _check_repositories(self) -> Self:
        if not self.dataset_repo and not self.model_repo:
            raise ValueError("the section hub names no repository: give dataset_repo or model_repo")
        return self
