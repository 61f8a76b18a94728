"""Ways of mining that have a name: what they say of the sections `mining` and `filters`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

TUTORIAL_RANGE = (5, 15)  # that of FlagEmbedding's hard-negatives tutorial
HN_MINE_RANGE = (10, 210)  # the default of FlagEmbedding's script hn_mine

Sections = Mapping[str, Mapping[str, Any]]

# what is taken if neither section says anything that a plan decides
DEFAULT_PLAN: Sections = {
    "mining": {"random_share": 0.5},
    "filters": {"target_false_negative_rate": 0.01},
}

# each is one line of YAML: `mining: {plan: hn_mine}`
NAMED_PLANS: Mapping[str, Sections] = {
    "hn_mine": {
        "mining": {
            "range_min": HN_MINE_RANGE[0],
            "range_max": HN_MINE_RANGE[1],
            "range_counts": "including_positives",
            "sampling": "random",
        }
    },
    "tutorial": {
        "mining": {
            "range_min": TUTORIAL_RANGE[0],
            "range_max": TUTORIAL_RANGE[1],
            "range_counts": "including_positives",
            "num_negatives": TUTORIAL_RANGE[1] - TUTORIAL_RANGE[0],
            "sampling": "top",
        }
    },
}


def fill_in_plan(
    values: Mapping[str, Any], plan_keys: Mapping[str, frozenset[str]]
) -> dict[str, Any]:
    """The settings of a dataset with what its plan says where they say nothing themselves.

    Args:
        values: The settings as they were written, by section.
        plan_keys: The keys that plans decide, by section; if one of them was written, there is no
            default plan.
    """
    sections = {section: values.get(section) for section in plan_keys}
    if not all(isinstance(said, Mapping | BaseModel | None) for said in sections.values()):
        return dict(values)  # which is refused where sections are validated
    written = {section: _written(said) for section, said in sections.items()}
    name = written["mining"].get("plan", "auto")
    plan = NAMED_PLANS.get(name, {}) if isinstance(name, str) else {}
    if name in ("auto", "tournament"):
        decides = any(keys & set(written[section]) for section, keys in plan_keys.items())
        plan = {} if decides else DEFAULT_PLAN
        if plan and written["mining"].get("quotas"):  # which share out all of the negatives
            kept = {key: value for key, value in plan["mining"].items() if key != "random_share"}
            plan = {**plan, "mining": kept}
    return {**values, **{section: {**said, **written[section]} for section, said in plan.items()}}


def _written(section: Mapping[str, Any] | BaseModel | None) -> dict[str, Any]:
    """What a section says, without its defaults."""
    if isinstance(section, BaseModel):
        return {key: getattr(section, key) for key in section.model_fields_set}
    return dict(section or {})
