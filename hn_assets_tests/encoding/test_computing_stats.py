"""The figures of computing: speed, share of the peak, and what it waited for."""

from dataclasses import replace

import numpy as np

from hn_assets.encoding.computing_stats import ComputingStats
from hn_assets.encoding.devices.card import Card
from hn_assets.encoding.devices.device_report import DeviceReport
from hn_assets.encoding.devices.forward_cost import ForwardCost

H100 = Card("cuda:0", "NVIDIA H100", "580.1", 80_000, 700.0, peak_memory_mib=9_000)


def stats() -> ComputingStats:
    found = ComputingStats(seconds=2.0, waited_for_tokens=0.5, waited_for_writing=0.5)
    found.count(np.array([10, 20]), ForwardCost(per_token=1e12, per_pair=1e10))
    return found


def figures(*cards: Card | None, cost: bool = True) -> dict:
    found = stats()
    if not cost:
        found.operations = 0.0
    reports = [DeviceReport(layout="sorted", card=card) for card in cards]
    return found.figures(reports, "bfloat16")


def test_speed_and_waiting_are_shares_of_the_time() -> None:
    assert figures(None) == {
        "tokens": 30,
        "tokens_per_second": 15.0,
        "waited_for_tokens_share": 0.25,
        "waited_for_writing_share": 0.2,
        "tflops": 17.5,
    }
    assert "tflops" not in figures(None, cost=False)


def test_the_share_of_a_cards_peak_says_that_the_peak_was_measured() -> None:
    found = figures(H100)
    assert (found["card"], found["card_driver"]) == ("NVIDIA H100", "580.1")
    assert (found["card_memory_mib"], found["card_peak_memory_mib"]) == (80_000, 9_000)
    assert (found["peak_tflops"], found["share_of_peak"]) == (700.0, 0.025)
    assert found["peak_tflops_source"] == ("measured: a matrix product of 8,192 cubed in bfloat16")
    assert "share_of_peak" not in figures(H100, cost=False)


def test_several_cards_are_one_peak_and_two_workers_of_a_card_are_not() -> None:
    other = Card("cuda:1", "NVIDIA H100", "580.1", 70_000, 300.0, peak_memory_mib=11_000)
    found = figures(H100, other)
    assert (found["card"], found["peak_tflops"]) == ("2 x NVIDIA H100", 1000.0)
    assert (found["card_memory_mib"], found["card_peak_memory_mib"]) == (70_000, 11_000)
    assert found["peak_tflops_source"].endswith("in bfloat16 on each card")
    assert figures(H100, H100)["peak_tflops"] == 700.0


def test_the_first_cards_of_two_machines_are_two_cards() -> None:
    here, there = replace(H100, uuid="GPU-1"), replace(H100, uuid="GPU-2")
    found = figures(here, there)
    assert found["card"] == "2 x NVIDIA H100"
    assert found["peak_tflops"] == 1400.0
    assert figures(here, replace(here))["card"] == "NVIDIA H100"


def test_a_peak_that_is_not_known_for_a_card_is_left_out() -> None:
    unknown = Card("cuda:1", "Tesla T4", "580.1", 15_000, None)
    found = figures(H100, unknown)
    assert found["card"] == "NVIDIA H100, Tesla T4"
    assert not {"peak_tflops", "peak_tflops_source", "share_of_peak"} & set(found)
