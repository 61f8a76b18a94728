"""The settings of the scoring room."""

from typing import Literal

from pydantic import Field

from hn_assets.settings_base import Settings


class TeacherSettings(Settings):
    """Which reranker scores positives and candidates, and which of its scores are too high."""

    model: str = Field(
        min_length=1,
        description=(
            "the folder of a cross-encoder, or a Hugging Face name such as "
            "BAAI/bge-reranker-v2-m3; without the section `teacher` there is none"
        ),
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
    batch_size: int = Field(
        default=32, ge=1, description="pairs computed at once; changes speed and memory"
    )
    sigmoid: bool = Field(
        default=False,
        description="put the scores through a sigmoid, so that they lie between 0 and 1",
    )
    shortlist: int | None = Field(
        default=None,
        ge=1,
        description=(
            "candidates scored for each query: those that would be its negatives if so many were "
            "wanted; default: twice mining.num_negatives. Others are not negatives"
        ),
    )
    max_score: float | None = Field(
        default=None, description="reject candidates that the teacher scores higher"
    )
    min_score: float | None = Field(
        default=None, description="reject candidates that the teacher scores lower"
    )
    margin: float | None = Field(
        default=None,
        description=(
            "reject candidates that the teacher scores higher than the positives minus this; "
            "filters.margin_against says which of them"
        ),
    )
    trust_remote_code: bool = Field(
        default=False, description="run the Python code that a model brings along"
    )
