"""The YAML section `trial`: which plans of mining are tried by training, and on what budget."""

from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from hn_assets.settings_base import Settings, describe_unknown_keys

# what a plan may say of mining; all else is the same for every plan
PLAN_MINING_KEYS = (
    "range_min",
    "range_max",
    "range_counts",
    "quotas",
    "sampling",
    "hardness",
    "random_share",
    "simans_a",
    "simans_b",
)


class TrialPlanSettings(Settings):
    """A plan of mining that is tried."""

    name: str = Field(
        min_length=1,
        description=(
            "what the plan is called. A name of the plans that are tried by default stands for "
            "that plan if nothing else is said"
        ),
    )
    mining: dict[str, Any] = Field(
        default_factory=dict,
        description=(
            f"what the plan says of mining, by the keys of the section `mining`; possible are "
            f"{', '.join(PLAN_MINING_KEYS)}. What it leaves out has the default of the section"
        ),
    )
    filters: dict[str, Any] = Field(
        default_factory=dict,
        description=(
            "what the plan says of filters, by the keys of the section `filters`. What it leaves "
            "out of margins, limits and target rate is not set; filters that look at texts are "
            "those of the section in every plan"
        ),
    )

    @field_validator("mining")
    @classmethod
    def _check_mining(cls, mining: dict[str, Any]) -> dict[str, Any]:
        message = describe_unknown_keys(mining, PLAN_MINING_KEYS)
        if message is not None:
            raise ValueError(message)
        if mining.get("sampling") == "stratified_by_teacher_score":
            raise ValueError("a trial has no teacher: choose another sampling")
        return mining


class TrialSettings(Settings):
    """Plans of mining are compared by what they train: the same queries, steps and seeds for each.

    Without the section `trial` nothing is tried.
    """

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "budget_minutes",
        "folds",
        "min_repeats",
        "max_repeats",
        "max_queries",
        "max_steps",
        "max_documents",
        "layers",
        "confidence",
        "seed",
        "repeat_after_change",
    )

    plans: tuple[TrialPlanSettings, ...] = Field(
        default=(),
        description=(
            "the plans, of which there must be two at least; default: these settings, random "
            "documents, the window of hn_mine, 5 % below the positive, and several with a target "
            "rate"
        ),
    )
    budget_minutes: float = Field(
        default=60.0,
        gt=0,
        description="a training begins only if it is likely to end within this time",
    )
    folds: int = Field(
        default=4,
        ge=2,
        le=20,
        description=(
            "parts of the mined queries: each repeat trains on all but one, which judges what was "
            "trained, so that after so many repeats every query has judged once"
        ),
    )
    min_repeats: int = Field(
        default=4,
        ge=2,
        description=(
            "trainings of each plan, each with another seed and another part that judges, before "
            "plans are compared; fewer if the budget does not allow for it"
        ),
    )
    max_repeats: int = Field(
        default=8,
        ge=2,
        description="trainings of a plan that cannot be told from the best, within the budget",
    )
    max_queries: int = Field(
        default=2_000, ge=10, description="of the mined queries; which ones, the seed decides"
    )
    max_steps: int | None = Field(
        default=None,
        ge=1,
        description="steps of a training, at most; default: those of training.epochs",
    )
    max_documents: int = Field(
        default=20_000,
        ge=100,
        description=(
            "documents that are ranked to judge: the positives, the nearest candidates, and "
            "others at random, if the corpus has more"
        ),
    )
    layers: int | None = Field(
        default=None,
        ge=1,
        description=(
            "train only the first so many layers of the model, a stand-in that costs less; how far "
            "it agrees with the whole model is then measured; default: the whole model"
        ),
    )
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="that of the tournament as a whole, whatever the number of plans",
    )
    seed: int = Field(default=42, ge=0, description="of the parts, and of the trainings")
    repeat_after_change: float = Field(
        default=0.1,
        ge=0,
        description=(
            "the outcome is kept until this share of the labelled pairs of the mined split has "
            "come or gone, or the settings or the model have changed; 0: any change counts"
        ),
    )

    @model_validator(mode="after")
    def _check_repeats(self) -> Self:
        if self.max_repeats < self.min_repeats:
            raise ValueError(
                f"trial.max_repeats {self.max_repeats} is less than trial.min_repeats "
                f"{self.min_repeats}"
            )
        names = [plan.name for plan in self.plans]
        if len(names) == 1 or len(set(names)) < len(names):
            raise ValueError("trial.plans needs two plans at least, each with a name of its own")
        return self
