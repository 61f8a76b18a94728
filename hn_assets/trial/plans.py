"""The plans of mining that a trial compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from hn_assets.errors import SettingsError
from hn_assets.filters.kinds.margins import MarginsSettings
from hn_assets.filters.kinds.positive_similarity import PositiveSimilaritySettings
from hn_assets.filters.kinds.score_limits import ScoreLimitsSettings
from hn_assets.filters.kinds.target_false_negative_rate import RelevanceModelSettings
from hn_assets.mining.named_plans import NAMED_PLANS
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import DEFAULT_RANGE, MiningSettings
from hn_assets.settings.trial import PLAN_MINING_KEYS, TrialPlanSettings
from hn_assets.settings_base import describe_invalid

OWN = "these settings"
MARGIN = 0.05  # NV-Retriever's: 95 % of the positive's score (https://arxiv.org/abs/2407.15831)

# what a plan decides of the filters; all others are the same for every plan
_PLAN_FILTER_KEYS = {
    key
    for settings in (
        MarginsSettings,
        ScoreLimitsSettings,
        PositiveSimilaritySettings,
        RelevanceModelSettings,
    )
    for key in settings.model_fields
} - {"margin_against", "unlabelled_per_positive"}

# what plans decide, by section; quotas go with any plan
PLAN_KEYS = {
    "mining": frozenset(PLAN_MINING_KEYS) - {"quotas"},
    "filters": frozenset(_PLAN_FILTER_KEYS),
}

KNOWN_PLANS: dict[str, dict[str, dict[str, Any]]] = {
    "random documents": {"mining": {"random_share": 1.0}},
    "hn_mine": {section: dict(said) for section, said in NAMED_PLANS["hn_mine"].items()},
    "5 % margin": {
        "mining": {"range_min": 0, "range_max": DEFAULT_RANGE[1], "sampling": "top"},
        "filters": {"relative_margin": MARGIN},
    },
    "target 1 %": {"filters": {"target_false_negative_rate": 0.01}},
    "target 5 %": {"filters": {"target_false_negative_rate": 0.05}},
    "target 1 %, middle": {
        "mining": {"hardness": 0.5},
        "filters": {"target_false_negative_rate": 0.01},
    },
    "target 1 %, half at random": {
        "mining": {"random_share": 0.5},
        "filters": {"target_false_negative_rate": 0.01},
    },
}


@dataclass(frozen=True)
class TrialPlan:
    """A plan that is tried.

    Attributes:
        name: What it is called.
        mining: The settings of mining with it.
        filters: The settings of the filters with it.
    """

    name: str
    mining: MiningSettings
    filters: FiltersSettings

    def to_json(self) -> dict[str, Any]:
        """What the plan says, as JSON: what is its own of both sections."""
        mining = self.mining.model_dump(mode="json", include=set(PLAN_MINING_KEYS))
        if not mining["quotas"]:  # as they have always been written
            del mining["quotas"]
        return {
            "mining": mining,
            "filters": self.filters.model_dump(mode="json", include=_PLAN_FILTER_KEYS),
        }


def plans_to_try(
    chosen: Sequence[TrialPlanSettings], mining: MiningSettings, filters: FiltersSettings
) -> list[TrialPlan]:
    """The plans, the first of which is that of the settings themselves, unless others are named.

    Args:
        chosen: `trial.plans`.
        mining: The section `mining`, whose number, split and seed hold for every plan.
        filters: The section `filters`, whose filters of texts hold for every plan.

    Raises:
        SettingsError: A plan cannot work; its name is in the message.
    """
    if not chosen:
        known = [_make(name, said, mining, filters) for name, said in KNOWN_PLANS.items()]
        return [TrialPlan(OWN, _without_teacher(mining), filters), *known]
    made: list[TrialPlan] = []
    for plan in chosen:
        said: dict[str, dict[str, Any]] = {"mining": plan.mining, "filters": plan.filters}
        if plan.mining or plan.filters:
            made.append(_make(plan.name, said, mining, filters))
        elif plan.name == OWN:
            made.append(TrialPlan(OWN, _without_teacher(mining), filters))
        elif plan.name in KNOWN_PLANS:
            made.append(_make(plan.name, KNOWN_PLANS[plan.name], mining, filters))
        else:
            raise SettingsError(
                f"trial.plans names {plan.name!r} and says nothing of it; known plans are "
                f"{', '.join([OWN, *KNOWN_PLANS])}"
            )
    return made


def deepest(plans: Sequence[TrialPlan], mining: MiningSettings) -> MiningSettings:
    """The section whose range ends last: that of a plan, or `mining` itself."""
    sections = [mining, *(plan.mining for plan in plans)]
    return max(sections, key=lambda section: section.range_or(DEFAULT_RANGE)[1])


def apply_plan(
    plan: dict[str, dict[str, Any]], mining: MiningSettings, filters: FiltersSettings
) -> tuple[MiningSettings, FiltersSettings]:
    """The two sections with what `TrialPlan.to_json` gave in the place of their own."""
    return (
        MiningSettings.model_validate({**mining.model_dump(), "quotas": {}, **plan["mining"]}),
        FiltersSettings.model_validate({**filters.model_dump(), **plan["filters"]}),
    )


def _make(
    name: str,
    said: dict[str, dict[str, Any]],
    mining: MiningSettings,
    filters: FiltersSettings,
) -> TrialPlan:
    unset_mining = {key: _default(MiningSettings, key) for key in PLAN_MINING_KEYS}
    unset_filters = {key: _default(FiltersSettings, key) for key in _PLAN_FILTER_KEYS}
    plan = {
        "mining": unset_mining | said.get("mining", {}),
        "filters": unset_filters | said.get("filters", {}),
    }
    try:
        return TrialPlan(name, *apply_plan(plan, mining, filters))
    except ValidationError as error:
        raise SettingsError(
            f"the plan {name!r} of trial.plans cannot work: {describe_invalid(error)}"
        ) from error


def _without_teacher(mining: MiningSettings) -> MiningSettings:
    """The section with a sampling that needs no teacher, since there is none in a trial."""
    if mining.sampling != "stratified_by_teacher_score":
        return mining
    return mining.model_copy(update={"sampling": "stratified"})


def _default(settings: type[MiningSettings] | type[FiltersSettings], key: str) -> Any:
    return settings.model_fields[key].get_default()
