"""What mining will do: the settings, and what calibration found, made into one plan."""

from dataclasses import dataclass

from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.sampling import Sampling
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import CALIBRATED_RANGE, DEFAULT_RANGE, MiningSettings

FALLBACK_MARGIN = 0.05


@dataclass(frozen=True)
class Plan:
    """How negatives are chosen.

    Attributes:
        start: first rank of the window.
        end: the rank after its last.
        excluding_positives: whether ranks are counted without what is never a negative.
        sampling: how many, and how.
        filters: which candidates may be filters.
        calibration: whose threshold decides; None where none does.
        note: how the plan came about, for people.
    """

    start: int
    end: int
    excluding_positives: bool
    sampling: Sampling
    filters: FiltersSettings
    calibration: Calibration | None
    note: str


def make_plan(
    mining: MiningSettings, filters: FiltersSettings, calibration: Calibration | None
) -> Plan:
    """The plan; `calibration` is needed where a target rate is set, and only there."""
    if not filters.is_calibrated:
        return _plan(mining, filters, None, "window and filters as they are set")
    assert calibration is not None, "a target rate needs a calibration"
    if calibration.is_supported:
        return _plan(mining, filters, calibration, calibration.describe())
    note = (
        f"{calibration.describe()}. In its place: scores at least 5 % below the mean positive, "
        f"ranks 10 to 210, at random; no rate was measured"
    )
    if filters.relative_margin is None:
        filters = filters.model_copy(update={"relative_margin": FALLBACK_MARGIN})
    return _plan(mining, filters, None, note)


def planned_sampling(mining: MiningSettings, *, calibrated: bool) -> Sampling:
    """How negatives are taken of what may be one."""
    method = mining.sampling
    if method == "auto":
        method = "top" if calibrated else "random"
    return Sampling(method, mining.num_negatives, mining.simans_a, mining.simans_b)


def _plan(
    mining: MiningSettings,
    filters: FiltersSettings,
    calibration: Calibration | None,
    note: str,
) -> Plan:
    default = DEFAULT_RANGE if calibration is None else CALIBRATED_RANGE
    start, end = mining.range_or(default)
    return Plan(
        start=start,
        end=end,
        excluding_positives=mining.range_counts == "excluding_positives",
        sampling=planned_sampling(mining, calibrated=calibration is not None),
        filters=filters,
        calibration=calibration,
        note=note,
    )
