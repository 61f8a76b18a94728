"""Whether a refresh may be trained on is said in one sentence."""

import pytest

from hn_assets.evaluation.checks.base.result import CheckState, CheckVerdict
from hn_assets.report.advice import training_advice


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["passed", "passed"], "Yes: the 2 checks of this refresh passed."),
        (["passed", "warned"], "Yes, but read the warnings first: 1 check of 2 warned."),
        (["warned", "accepted"], "Only if this is meant: 1 check failed, and somebody let"),
        (["accepted", "not run"], "Not known: 1 of 2 checks have not looked at these files."),
        (["failed", "failed", "not run"], "No: 2 checks of 3 failed."),
    ],
)
def test_the_worst_state_decides(states: list[CheckState], said: str) -> None:
    verdicts = [CheckVerdict("corpus", "check", state, "") for state in states]
    assert training_advice(verdicts).startswith(said)


def test_without_a_check_nothing_is_known() -> None:
    assert training_advice([]) == "Not known: no check has looked at these files."
