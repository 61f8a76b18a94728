"""What mining will do: the settings, and what calibration found, made into one plan."""

from dataclasses import dataclass

from hn_assets.mining.calibration import Calibration
from hn_assets.mining.sampling import Sampling
from hn_assets.mining.settings import (
    CALIBRATED_WINDOW,
    WINDOW,
    MiningSettings,
    NegativesSettings,
)

FALLBACK_MARGIN = 0.05


@dataclass(frozen=True)
class Plan:
    """How negatives are chosen.

    Attributes:
        start: first rank of the window.
        end: the rank after its last.
        after_positives: whether ranks are counted without what is never a negative.
        sampling: how many, and how.
        filters: which candidates may be negatives.
        calibration: whose threshold decides; None where none does.
        note: how the plan came about, for people.
    """

    start: int
    end: int
    after_positives: bool
    sampling: Sampling
    filters: NegativesSettings
    calibration: Calibration | None
    note: str


def make_plan(
    mining: MiningSettings, negatives: NegativesSettings, calibration: Calibration | None
) -> Plan:
    """The plan; `calibration` is needed where a target rate is set, and only there."""
    if not negatives.is_calibrated:
        return _plan(mining, negatives, None, "window and filters as they are set")
    assert calibration is not None, "a target rate needs a calibration"
    if calibration.is_supported:
        return _plan(mining, negatives, calibration, calibration.in_words())
    note = (
        f"{calibration.in_words()}. In its place: scores at least 5 % below the mean positive, "
        f"ranks 10 to 210, at random; no rate was measured"
    )
    if negatives.relative_margin is None:
        negatives = negatives.model_copy(update={"relative_margin": FALLBACK_MARGIN})
    return _plan(mining, negatives, None, note)


def planned_sampling(mining: MiningSettings, *, calibrated: bool) -> Sampling:
    """How negatives are taken of what may be one."""
    method = mining.sampling
    if method == "auto":
        method = "top" if calibrated else "random"
    return Sampling(method, mining.negatives, mining.simans_a, mining.simans_b)


def _plan(
    mining: MiningSettings,
    negatives: NegativesSettings,
    calibration: Calibration | None,
    note: str,
) -> Plan:
    default = WINDOW if calibration is None else CALIBRATED_WINDOW
    start, end = mining.range or default
    return Plan(
        start=start,
        end=end,
        after_positives=mining.window == "after_positives",
        sampling=planned_sampling(mining, calibrated=calibration is not None),
        filters=negatives,
        calibration=calibration,
        note=note,
    )
