"""What mining will do: the settings with every default resolved, and what calibration found.

The functions `resolved_...` give the same as JSON, for whoever has to know when a result is out of
date.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hn_assets.filters.all_filters import active_filters, filter_keys, measurable_filters
from hn_assets.mining.holdout.calibration import Calibration, calibrated_part
from hn_assets.mining.holdout.methods import CHOSEN, Method
from hn_assets.mining.rules.sampling import Sampling, scaled_quotas
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import CALIBRATED_RANGE, DEFAULT_RANGE, MiningSettings
from hn_assets.settings.teacher import SHORTLIST_PER_NEGATIVE, TeacherSettings


@dataclass(frozen=True)
class Plan:
    """How negatives are chosen.

    Attributes:
        start: The first rank of the range.
        end: The rank after its last.
        excluding_positives: Whether ranks are counted without what is never a negative.
        sampling: How many negatives are taken, and how.
        filters: Which candidates may be negatives.
        calibration: The calibration whose threshold decides; None if none does.
        note: How the plan came about, for people.
    """

    start: int
    end: int
    excluding_positives: bool
    sampling: Sampling
    filters: FiltersSettings
    calibration: Calibration | None
    note: str

    @property
    def is_calibrated(self) -> bool:
        """Whether the threshold of a calibration decides."""
        return self.calibration is not None

    @property
    def method(self) -> Method:
        """The plan as far as hiding known positives can measure it."""
        ranks = self.start, self.end
        sampling = self.sampling.without_teacher
        return Method(CHOSEN, sampling, self.filters, ranks, self.excluding_positives)

    def shortlist(self, count: int) -> Plan:
        """How a shortlist of `count` candidates per query is chosen for the teacher."""
        return replace(self, sampling=self.sampling.without_teacher.with_count(count))


def make_plan(
    mining: MiningSettings, filters: FiltersSettings, calibration: Calibration | None
) -> Plan:
    """The plan; a calibration is needed if a target rate is set, and only then.

    Raises:
        ValueError: A target rate is set, and there is no calibration.
    """
    if not filters.is_calibrated:
        return _plan(mining, filters, None, "range and filters as they are set")
    if calibration is None:
        raise ValueError("target_false_negative_rate needs a calibration")
    return _plan(mining, filters, calibration, calibration.describe())


def planned_sampling(mining: MiningSettings, *, calibrated: bool) -> Sampling:
    """How negatives are taken of what may be one."""
    method = mining.sampling
    if method == "auto":
        method = "top" if calibrated else "random"
        method = method if mining.hardness is None else "window"
    hardness = 1.0 if mining.hardness is None else mining.hardness
    return Sampling(
        method,
        mining.num_negatives,
        a=mining.simans_a,
        b=mining.simans_b,
        hardness=hardness,
        random_share=mining.random_share,
        quotas=tuple(sorted(mining.quotas.items())),
    )


def planned_calibration(mining: MiningSettings, filters: FiltersSettings) -> Method:
    """What a calibration measures: how negatives will be taken if it succeeds."""
    return calibrated_part(_plan(mining, filters, None, "", calibrated=True).method)


def shortlist_count(mining: MiningSettings, teacher: TeacherSettings) -> int:
    """How many candidates of each query the teacher scores."""
    return teacher.shortlist or SHORTLIST_PER_NEGATIVE * mining.num_negatives


def resolved_plan(mining: MiningSettings, filters: FiltersSettings) -> dict[str, Any]:
    """Everything that the choice of negatives depends on, with every default resolved; as JSON.

    A setting that has no effect beside the others is left out. The settings of a teacher's filters
    are not in it (`resolved_limits`), nor is what stands in files that filters read.
    """
    return {
        "split": mining.split,
        "seed": mining.seed,
        "on_shortage": mining.on_shortage,
        **_resolved(_plan(mining, filters, None, "", calibrated=filters.is_calibrated)),
    }


def resolved_calibration(mining: MiningSettings, filters: FiltersSettings) -> dict[str, Any]:
    """Everything that a calibration depends on, with every default resolved; as JSON."""
    method = planned_calibration(mining, filters)
    active = measurable_filters(method.filters)
    keys = {key for one in active for key in type(one).settings_class.model_fields}
    resolved = {
        "split": mining.split,
        "seed": mining.seed,
        "sampling": _resolved_sampling(method.sampling),
        "filters": method.filters.model_dump(mode="json", include=keys),
    }
    if method.ranks is not None:
        resolved["range"] = list(method.ranks)
        resolved["range_counts"] = _range_counts(excluding=method.excluding_positives)
    return resolved


def resolved_shortlist(
    mining: MiningSettings, filters: FiltersSettings, teacher: TeacherSettings
) -> dict[str, Any]:
    """Everything that the teacher's shortlist depends on, with every default resolved; as JSON."""
    count = shortlist_count(mining, teacher)
    quotas = scaled_quotas(mining.quotas, mining.num_negatives, count)
    changes: dict[str, Any] = {"num_negatives": count, "quotas": quotas}
    if mining.sampling == "stratified_by_teacher_score":
        changes["sampling"] = "stratified"  # as in `Plan.shortlist`
    resolved = resolved_plan(mining.model_copy(update=changes), filters)
    del resolved["on_shortage"]
    return resolved


def resolved_limits(teacher: TeacherSettings) -> dict[str, Any]:
    """The settings of the teacher's filters, which mining depends on and the scores do not."""
    return teacher.model_dump(mode="json", include=set(filter_keys("teacher")))


def _plan(
    mining: MiningSettings,
    filters: FiltersSettings,
    calibration: Calibration | None,
    note: str,
    *,
    calibrated: bool | None = None,
) -> Plan:
    if calibrated is None:
        calibrated = calibration is not None
    start, end = mining.range_or(CALIBRATED_RANGE if calibrated else DEFAULT_RANGE)
    return Plan(
        start=start,
        end=end,
        excluding_positives=mining.range_counts == "excluding_positives",
        sampling=planned_sampling(mining, calibrated=calibrated),
        filters=filters,
        calibration=calibration,
        note=note,
    )


def _resolved(plan: Plan) -> dict[str, Any]:
    return {
        "range": [plan.start, plan.end],
        "range_counts": _range_counts(excluding=plan.excluding_positives),
        "sampling": _resolved_sampling(plan.sampling),
        "filters": _resolved_filters(plan.filters),
    }


def _range_counts(*, excluding: bool) -> str:
    return "excluding" if excluding else "including"


def _resolved_sampling(sampling: Sampling) -> dict[str, Any]:
    resolved: dict[str, Any] = {"method": sampling.method, "count": sampling.count}
    if sampling.method == "simans":
        resolved |= {"a": sampling.a, "b": sampling.b}
    if sampling.method == "window":
        resolved["hardness"] = sampling.hardness
    if sampling.quotas:
        resolved["quotas"] = [list(quota) for quota in sampling.quotas]
    if sampling.random_count:
        resolved["random_count"] = sampling.random_count
    return resolved


def _resolved_filters(filters: FiltersSettings) -> dict[str, Any]:
    """The settings of the active filters, and those that count beside them."""
    active = active_filters(filters)
    keys = {key for one in active for key in type(one).settings_class.model_fields}
    # margins stand in the ledger whatever the filters
    keys |= {"margin_against"}
    if active:
        keys |= {"max_search_depth", "deeper_search_budget"}
    return filters.model_dump(mode="json", include=keys | {"keep_judged_irrelevant"})
