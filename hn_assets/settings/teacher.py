"""The YAML section `teacher`: the reranker that scores positives and candidates.

The limits of its scores stand in `hn_assets/filters/kinds`, with the filter that applies them.
"""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, create_model

from hn_assets.filters.all_filters import settings_classes
from hn_assets.settings_base import Settings

SHORTLIST_PER_NEGATIVE = 2


class RerankerSettings(Settings):
    """Which reranker scores positives and candidates, and which candidates it reads."""

    model: str = Field(
        min_length=1,
        description=(
            "the folder of a cross-encoder, or a Hugging Face name such as "
            "BAAI/bge-reranker-v2-m3; without the section `teacher` there is none"
        ),
    )
    revision: str | None = Field(
        default=None,
        min_length=1,
        description="a commit, branch or tag of a reranker of the hub; default: the newest commit",
    )
    model_class: Literal[
        "auto",
        "encoder-only-base",
        "decoder-only-base",
        "decoder-only-layerwise",
        "decoder-only-lightweight",
    ] = Field(
        default="auto",
        description=(
            "FlagEmbedding's class for the reranker; `auto`: what FlagEmbedding knows the name as, "
            "else encoder-only-base"
        ),
    )
    max_length: int = Field(
        default=512, ge=8, description="tokens of query and passage together; the passage is cut"
    )
    sigmoid: bool = Field(
        default=False,
        description="put the scores through a sigmoid, so that they lie between 0 and 1",
    )
    shortlist: int | None = Field(
        default=None,
        ge=1,
        description=(
            f"candidates scored for each query: those that would be its negatives if so many were "
            f"wanted; default: {SHORTLIST_PER_NEGATIVE} times mining.num_negatives. Others are not "
            f"negatives"
        ),
    )
    trust_remote_code: bool = Field(
        default=False, description="run the Python code that a model brings along"
    )


if TYPE_CHECKING:

    class TeacherSettings(RerankerSettings):
        """A reranker, and which of its scores keep a candidate from being a negative."""

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, key: str) -> Any: ...

else:
    TeacherSettings = create_model(
        "TeacherSettings",
        __base__=(*settings_classes("teacher"), RerankerSettings),
        __doc__="A reranker, and which of its scores keep a candidate from being a negative.",
        __module__=__name__,
    )
