"""`torch.compile` is used if it repays, and only while it does."""

from hn_assets.encoding.devices.torch_compile import REPAYS_FROM, CompileDecision


def test_a_long_job_on_a_gpu_is_compiled_and_given_up_if_it_is_no_faster() -> None:
    decision = CompileDecision("auto", "cuda:0")
    assert not decision.next_window(1e12), "nothing is known of the speed yet"
    decision.record(False, tokens=1000, seconds=1)
    assert not decision.next_window(1000 * REPAYS_FROM * 0.9)
    assert decision.next_window(1000 * REPAYS_FROM * 1.1)
    decision.record(True, tokens=1000, seconds=60)
    assert decision.next_window(10), "the first window holds the compiling: it tells nothing"
    decision.record(True, tokens=1000, seconds=2)
    assert not decision.next_window(1e12)
    assert "given up" in decision.outcome


def test_a_compiled_model_that_is_faster_is_kept() -> None:
    decision = CompileDecision("auto", "cuda:0")
    decision.record(False, tokens=1000, seconds=1)
    for seconds in (60, 0.5, 0.5):
        assert decision.next_window(1e9)
        decision.record(True, tokens=1000, seconds=seconds)
    assert decision.outcome.startswith("used")


def test_on_other_devices_nothing_is_compiled_unless_asked_for() -> None:
    for wanted, device, expected in (
        ("auto", "cpu", False),
        ("never", "cuda:0", False),
        ("always", "cpu", True),
    ):
        decision = CompileDecision(wanted, device)
        decision.record(False, tokens=1, seconds=100)
        assert decision.next_window(1e12) is expected
