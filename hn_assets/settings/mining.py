"""The YAML section `mining`: which queries are mined, from which ranks, and how many negatives."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.mining.named_plans import DEFAULT_PLAN, HN_MINE_RANGE, TUTORIAL_RANGE
from hn_assets.settings_base import Settings

SamplingMethod = Literal[
    "random", "top", "window", "stratified", "stratified_by_teacher_score", "simans"
]
DEFAULT_RANGE = HN_MINE_RANGE
CALIBRATED_RANGE = (0, DEFAULT_RANGE[1])
_DEFAULT_IN_WORDS = ", ".join(
    f"{section}.{key} {value:g}"
    for section, said in DEFAULT_PLAN.items()
    for key, value in said.items()
)


class MiningSettings(Settings):
    """Which queries are mined, from which ranks, and how many negatives they get."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "range_min",
        "range_max",
        "range_counts",
        "num_negatives",
        "quotas",
        "sampling",
        "hardness",
        "random_share",
        "simans_a",
        "simans_b",
        "seed",
        "on_shortage",
    )

    plan: Literal["auto", "settings", "hn_mine", "tutorial", "tournament"] = Field(
        default="auto",
        description=(
            "`settings`: range, sampling and hardness are what this section says, and margins and "
            "target rate what `filters` says; `auto`: the same, and if neither says any of it, "
            f"{_DEFAULT_IN_WORDS}; `hn_mine`: "
            f"random candidates of the ranks {HN_MINE_RANGE[0]} to {HN_MINE_RANGE[1]}, as "
            "FlagEmbedding's script takes them; `tutorial`: "
            f"the ranks {TUTORIAL_RANGE[0]} to {TUTORIAL_RANGE[1]}, as in FlagEmbedding's "
            "tutorial; `tournament`: the plan that leads in the section `trial`. What this section "
            "and `filters` say themselves goes before what `hn_mine` and `tutorial` stand for"
        ),
    )
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
    range_min: int | None = Field(
        default=None,
        ge=0,
        description=(
            f"the first rank that negatives are taken from, counted from 0; default: "
            f"{DEFAULT_RANGE[0]}, and {CALIBRATED_RANGE[0]} if "
            f"filters.target_false_negative_rate decides instead"
        ),
    )
    range_max: int | None = Field(
        default=None,
        ge=1,
        description=(
            f"the rank before which the range ends; default: {DEFAULT_RANGE[1]}, and "
            f"{CALIBRATED_RANGE[1]} where filters.target_false_negative_rate decides instead"
        ),
    )
    range_counts: Literal["excluding_positives", "including_positives"] = Field(
        default="excluding_positives",
        description=(
            "`excluding_positives`: the range counts what is left when everything that is never a "
            "negative has been taken out; `including_positives`: it counts the raw ranking, as "
            "hn_mine and the tutorial do, so that positives within it leave fewer candidates"
        ),
    )
    num_negatives: int = Field(default=15, ge=1, description="wanted per query")
    quotas: dict[str, int] = Field(
        default={},
        description=(
            "how many of num_negatives are taken of what each of several `retrievers` found, such "
            "as `{dense: 10, bm25: 5}`. They take in the order of `retrievers`: the candidates of "
            "a retriever are taken by `sampling` in its own order, one that several found counts "
            "once, and what a retriever lacks the next ones add. The rest is taken from all in the "
            "joined order"
        ),
    )
    # Dagster forms cannot hold a union of literals, so the methods stand here once more
    sampling: Literal[
        "auto", "random", "top", "window", "stratified", "stratified_by_teacher_score", "simans"
    ] = Field(
        default="auto",
        description=(
            "`top`: the best ranked of the range; `window`: as many that follow one another in "
            "rank, from where `hardness` says; `random`: a choice that depends on seed, query id "
            "and document id alone; `stratified`: such a choice from each of as many equal parts "
            "of the range as negatives are wanted; `stratified_by_teacher_score`: of as many "
            "parts of equal width between the lowest and the highest of the teacher's scores, "
            "where a shortlist that is spread over the range was scored; `simans`: such a choice "
            "with weights "
            "exp(-a (score - mean positive score - b)^2); `auto`: window if `hardness` is set; "
            "otherwise random, and top if filters.target_false_negative_rate decides"
        ),
    )
    hardness: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description=(
            "how hard the negatives are among the candidates that may be taken, which are those "
            "of the range that pass every filter: 1 takes the best ranked of them, 0 the lowest "
            "ranked, and 0.5 those in the middle; for `sampling: window`, which it switches on"
        ),
    )
    random_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description=(
            "this share of num_negatives, rounded to whole documents with a half up, is drawn at "
            "random from the whole corpus in place of ranked candidates; a draw depends on seed, "
            "query id and document id alone"
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
        for default in (DEFAULT_RANGE, CALIBRATED_RANGE):
            start, end = self.range_or(default)
            if end <= start:
                raise ValueError(
                    f"mining.range_min {start} and mining.range_max {end} leave no rank between "
                    f"them: the range holds the ranks from the first up to, not including, the "
                    f"second, as in {DEFAULT_RANGE[0]} and {DEFAULT_RANGE[1]}"
                )
        if self.split == self.evaluation_split:
            raise ValueError(
                f"mining.split and mining.evaluation_split are both {self.split!r}: mining the "
                f"split that models are judged on would train on the answers. For data without a "
                f"second split set mining.evaluation_split: ''"
            )
        return self

    @model_validator(mode="after")
    def _check_quotas(self) -> Self:
        for retriever, quota in self.quotas.items():
            if quota < 1:
                raise ValueError(
                    f"mining.quotas of {retriever!r} is {quota}: it must be 1 or more; leave a "
                    f"retriever out that has no quota"
                )
        total, ranked = sum(self.quotas.values()), self.num_negatives - self.num_random
        if total > ranked:
            of_random = f" less {self.num_random} drawn at random" if self.num_random else ""
            raise ValueError(
                f"mining.quotas add up to {total}, more than mining.num_negatives "
                f"{self.num_negatives}{of_random}: lower a quota, or raise mining.num_negatives"
            )
        return self

    @model_validator(mode="after")
    def _check_hardness(self) -> Self:
        if self.hardness is not None and self.sampling not in ("auto", "window"):
            raise ValueError(
                f"mining.hardness {self.hardness:g} says which window of ranks is taken, and "
                f"mining.sampling {self.sampling!r} takes none: leave one of the two out"
            )
        if self.hardness is None and self.sampling == "window":
            raise ValueError(
                "mining.sampling 'window' needs mining.hardness, which says where the window "
                "begins: 1 at the best ranked, 0 so that it ends with the lowest"
            )
        return self

    @property
    def num_random(self) -> int:
        """How many of the negatives are drawn at random from the whole corpus."""
        return int(self.random_share * self.num_negatives + 0.5)

    def range_or(self, default: tuple[int, int]) -> tuple[int, int]:
        """First rank and the rank after the last; `default` gives what is not set."""
        start = default[0] if self.range_min is None else self.range_min
        end = default[1] if self.range_max is None else self.range_max
        return start, end
