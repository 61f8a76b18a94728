"""The settings of the mining room."""

from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.settings import Settings


class MiningSettings(Settings):
    """Which candidates become hard negatives."""

    split: str = Field(
        default="train", min_length=1, description="the split of the queries that are mined"
    )
    evaluation_split: str = Field(
        default="test",
        description=(
            "the split kept apart: its positives never become training positives, and a query of "
            "another split with the text of one of its queries is left out"
        ),
    )
    range: list[int] = Field(
        default=[10, 210],
        min_length=2,
        max_length=2,
        description="ranks [from, to) that negatives are taken from, counted from 0",
    )
    window: Literal["after_positives", "before_positives"] = Field(
        default="after_positives",
        description=(
            "`after_positives`: the range counts what is left when everything that is never a "
            "negative has been taken out; `before_positives`: it counts the raw ranking, as "
            "hn_mine and the tutorial do, and a positive inside leaves a gap"
        ),
    )
    negatives: int = Field(default=15, ge=1, description="wanted per query")
    sampling: Literal["random", "top"] = Field(
        default="random",
        description=(
            "`top`: the best ranked of the range; `random`: a choice that depends on seed, query "
            "id and document id alone"
        ),
    )
    seed: int = Field(default=42, ge=0, description="of the random choice")
    on_shortage: Literal["keep", "drop", "error"] = Field(
        default="keep",
        description=(
            "a query with fewer negatives than wanted keeps what it has, is dropped, or fails the "
            "run; nothing is ever padded"
        ),
    )

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        start, end = self.range
        if start < 0 or end <= start:
            raise ValueError(
                f"mining.range [{start}, {end}] is empty: it takes ranks from the first number "
                f"up to, not including, the second, as in [10, 210]"
            )
        if self.split == self.evaluation_split:
            raise ValueError(
                f"mining.split and mining.evaluation_split are both {self.split!r}: mining the "
                f"split that models are judged on would train on the answers. For data without a "
                f"second split set mining.evaluation_split: ''"
            )
        return self
