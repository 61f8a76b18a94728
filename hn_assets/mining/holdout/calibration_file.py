"""The file that keeps what a calibration found, or that there was nothing to calibrate."""

from pathlib import Path

from hn_assets.mining.holdout.calibration import Calibration

_NOTHING = "null\n"  # the plan of a trial has no target rate


def write_calibration(path: Path, found: Calibration | None) -> None:
    """Write what was found as JSON; None if there is no target rate to calibrate for."""
    text = _NOTHING if found is None else found.model_dump_json(indent=1) + "\n"
    path.write_text(text, encoding="utf-8")


def read_calibration(path: Path) -> Calibration | None:
    """Read what `write_calibration` wrote."""
    text = path.read_text(encoding="utf-8")
    return None if text == _NOTHING else Calibration.model_validate_json(text)
