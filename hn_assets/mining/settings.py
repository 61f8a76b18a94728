"""The settings of the mining room: which candidates are wanted, and which may be negatives."""

from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.settings import Settings

WINDOW = (10, 210)  # hn_mine's
CALIBRATED_WINDOW = (0, 210)


class MiningSettings(Settings):
    """Which queries are mined, from which ranks, and how many negatives they get."""

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
    range: list[int] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description=(
            "ranks [from, to) that negatives are taken from, counted from 0; default: [10, 210], "
            "and [0, 210] where negatives.target_false_negative_rate decides instead"
        ),
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
    sampling: Literal["auto", "random", "top", "stratified", "simans"] = Field(
        default="auto",
        description=(
            "`top`: the best ranked of the range; `random`: a choice that depends on seed, query "
            "id and document id alone; `stratified`: such a choice from each of as many equal "
            "parts of the range as negatives are wanted; `simans`: such a choice with weights "
            "exp(-a (score - mean positive score - b)^2); `auto`: random, and top where "
            "negatives.target_false_negative_rate decides"
        ),
    )
    simans_a: float = Field(default=0.5, gt=0, description="a of `simans`")
    simans_b: float = Field(default=0.0, description="b of `simans`")
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
        if self.range is not None:
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

    @property
    def end(self) -> int:
        """The rank at which the range ends."""
        return WINDOW[1] if self.range is None else self.range[1]


class NegativesSettings(Settings):
    """Which candidates may be negatives, beyond those that never are."""

    target_false_negative_rate: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description=(
            "take the hardest negatives that keep the rate of false negatives under this, as "
            "measured by hiding known positives; no threshold needs to be set. Where the qrels "
            "cannot support it, relative_margin 0.05 and the range [10, 210] at random take its "
            "place, and the metadata say so"
        ),
    )
    unlabelled_per_positive: float = Field(
        default=2.0,
        gt=0,
        description=(
            "how many relevant passages that nobody labelled to expect for each labelled one: what "
            "the rate is reckoned with. Labels of a few passages a query are far from complete"
        ),
    )
    score_ceiling: float | None = Field(default=None, description="reject higher scores")
    score_floor: float | None = Field(default=None, description="reject lower scores")
    absolute_margin: float | None = Field(
        default=None, description="reject what scores higher than the positives minus this"
    )
    relative_margin: float | None = Field(
        default=None,
        ge=0,
        description=(
            "reject what scores higher than the positives minus this share of their score; 0.05 "
            "is 5 percent"
        ),
    )
    margin_against: Literal["min", "mean", "max"] = Field(
        default="mean",
        description="which score of a query's positives the margins are measured from",
    )
    closeness_ceiling: float | None = Field(
        default=None, description="reject what has a higher cosine to a known positive"
    )
    near_duplicate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description=(
            "reject what shares at least this part of the shingles (five words each) of itself or "
            "of a positive, whichever has fewer; 0.8 finds passages that hold one another"
        ),
    )
    answers: str = Field(
        default="",
        description=(
            "JSONL file of query_id and answers (a list of texts): a passage that holds an answer "
            "is rejected"
        ),
    )
    trust_judged: bool = Field(
        default=True,
        description=(
            "what the qrels call not relevant (score <= 0) passes the filters that look for "
            "likeness to a positive"
        ),
    )
    deepest: int = Field(
        default=2000,
        ge=0,
        description=(
            "a query that the filters leave short is searched deeper, and its range goes on, up "
            "to so many candidates; 0: never"
        ),
    )
    reviewed: str = Field(
        default="",
        description=(
            "CSV file of query_id, doc_id and verdict (`relevant` or `not relevant`), such as a "
            "filled-in likely_missing_labels.csv: verdicts become qrels of the query's split"
        ),
    )

    @property
    def is_calibrated(self) -> bool:
        """Whether a target rate decides, and no threshold of the user's."""
        return self.target_false_negative_rate is not None

    @property
    def filters(self) -> bool:
        """Whether anything may be rejected that is not rejected always."""
        return any(
            value is not None
            for value in (
                self.target_false_negative_rate,
                self.score_ceiling,
                self.score_floor,
                self.absolute_margin,
                self.relative_margin,
                self.closeness_ceiling,
                self.near_duplicate,
            )
        ) or bool(self.answers)
