"""What is chosen, what never is, and what is said of it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.errors import MiningError
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets_tests.mining.ranked_dataset import RankedDataset


def test_the_range_counts_what_is_left_without_positives() -> None:
    chosen, _ = RankedDataset().mine(range_min=1, range_max=4, num_negatives=3)
    assert chosen == {"q0": ["d1", "d3", "d4"]}


def test_a_range_of_the_raw_ranking_is_shorter_by_the_positives_within() -> None:
    chosen, report = RankedDataset().mine(
        range_min=1, range_max=4, num_negatives=3, range_counts="including_positives"
    )
    assert chosen == {"q0": ["d1", "d3"]}
    assert (report.enough, report.too_few, report.none) == (0, 1, 0)


def test_what_is_never_a_negative() -> None:
    dataset = RankedDataset(queries=2)
    dataset.texts.documents[0] = 10  # the text of the query q0
    dataset.texts.documents[1] = 1002  # the text of the positive d2
    dataset.texts.documents[4] = 0  # empty
    dataset.texts.documents[6] = 1005  # d5 again
    chosen, report = dataset.mine(range_min=0, range_max=10, num_negatives=10)
    assert chosen["q0"] == ["d3", "d5", "d7", "d8", "d9"]
    assert chosen["q1"] == ["d0", "d3", "d5", "d7", "d8", "d9"]
    assert report.rejected == {
        "positive": 2,
        "text of a positive": 2,
        "text of the query": 1,
        "empty": 2,
        "repeated text": 2,
    }


def test_queries_of_equal_text_share_their_positives() -> None:
    dataset = RankedDataset(queries=2)
    dataset.texts.queries[1] = 10
    dataset.qrels.loc[1, "doc_id"] = "d5"
    chosen, _ = dataset.mine(range_min=0, range_max=10, num_negatives=10)
    assert "d5" not in chosen["q0"]
    assert "d2" not in chosen["q1"]


def test_a_positive_of_another_split_is_no_negative_either() -> None:
    dataset = RankedDataset()
    dataset.judge("q0", "d0", 1, split="test")
    chosen, _ = dataset.mine(range_min=0, range_max=3, num_negatives=3)
    assert chosen == {"q0": ["d1", "d3", "d4"]}


def test_only_the_mined_split_is_mined() -> None:
    dataset = RankedDataset(queries=2)
    dataset.queries.loc[1, "split"] = dataset.qrels.loc[1, "split"] = "test"
    chosen, report = dataset.mine(range_min=0, range_max=3, num_negatives=3)
    assert list(chosen) == ["q0"]
    assert report.queries == 1


def test_a_query_without_positives_is_counted_and_not_mined() -> None:
    dataset = RankedDataset(queries=3)
    dataset.qrels = dataset.qrels.drop(index=1)
    chosen, report = dataset.mine(range_min=0, range_max=3, num_negatives=3)
    assert list(chosen) == ["q0", "q2"]
    assert (report.queries, report.without_positives) == (2, 1)


def test_no_query_with_positives_is_an_error() -> None:
    dataset = RankedDataset()
    dataset.qrels["score"] = 0
    with pytest.raises(MiningError, match=r"no query of the split 'train' has a positive"):
        dataset.mine()


@pytest.mark.parametrize(("policy", "left"), [("keep", ["q0", "q1"]), ("drop", [])])
def test_a_shortage_is_reported_and_never_padded(policy: str, left: list[str]) -> None:
    dataset = RankedDataset(queries=2, documents=4)
    if policy == "drop":
        with pytest.raises(MiningError, match="no query has a negative"):
            dataset.mine(range_min=0, range_max=10, num_negatives=5, on_shortage=policy)
        return
    chosen, report = dataset.mine(range_min=0, range_max=10, num_negatives=5, on_shortage=policy)
    assert list(chosen) == left
    assert all(len(docs) == 3 for docs in chosen.values())
    assert (report.enough, report.too_few, report.none) == (0, 2, 0)
    assert report.short_queries == ["q0", "q1"]


def test_a_dropped_query_is_accounted_for() -> None:
    dataset = RankedDataset(queries=2, documents=6)
    dataset.judge("q0", "d0", 1)
    chosen, report = dataset.mine(range_min=0, range_max=10, num_negatives=5, on_shortage="drop")
    assert list(chosen) == ["q1"]
    assert (report.enough, report.too_few, report.dropped, report.negatives) == (1, 1, 1, 5)
    assert report.rejected == {"positive": 3, "query dropped": 4}


def test_a_shortage_can_fail_the_run() -> None:
    with pytest.raises(MiningError, match=r"1 of 1 queries have fewer than 15 negatives \('q0'\)"):
        RankedDataset().mine(range_min=0, range_max=10, on_shortage="error")


def test_a_range_beyond_the_ranking_is_an_error_that_says_how_deep_it_is() -> None:
    with pytest.raises(MiningError, match=r"range \[50, 60\].*rankings are 10 deep"):
        RankedDataset().mine(range_min=50, range_max=60)


@pytest.mark.parametrize("ends", [(10, 10), (20, 10), (300, None), (None, 5)])
def test_a_range_without_ranks_is_refused(ends: tuple[int | None, int | None]) -> None:
    with pytest.raises(ValueError, match=r"range_min \d+ and mining.range_max \d+ leave no rank"):
        MiningSettings(range_min=ends[0], range_max=ends[1])


def test_mining_the_evaluation_split_is_refused() -> None:
    with pytest.raises(ValueError, match="would train on the answers"):
        MiningSettings(split="test")


def test_what_was_judged_not_relevant_passes_filters_unless_told_otherwise() -> None:
    dataset = RankedDataset()
    dataset.judge("q0", "d0", 0)
    ceiling = FiltersSettings(max_score=0.965)
    assert "d0" in dataset.mine(ceiling, range_min=0, range_max=10, num_negatives=10)[0]["q0"]
    strict = FiltersSettings(max_score=0.965, keep_judged_irrelevant=False)
    assert "d0" not in dataset.mine(strict, range_min=0, range_max=10, num_negatives=10)[0]["q0"]


def test_a_query_that_filters_leave_short_is_searched_deeper() -> None:
    dataset = RankedDataset(documents=40, depth=5)
    filters = FiltersSettings(max_score=0.9, max_search_depth=30)
    chosen, report = dataset.mine(filters, range_min=0, range_max=5, num_negatives=4)
    assert chosen == {"q0": ["d10", "d11", "d12", "d13"]}
    assert (report.deepened, report.candidates, report.enough) == (1, 20, 1)
    never, report = dataset.mine(
        FiltersSettings(min_score=0.97, max_search_depth=0),
        range_min=0,
        range_max=5,
        num_negatives=4,
    )
    assert never == {"q0": ["d0", "d1", "d3"]}
    assert report.deepened == 0


def test_hardness_places_the_window_within_what_passes_the_filters() -> None:
    dataset = RankedDataset(documents=40)
    options = {"range_min": 0, "range_max": 30, "num_negatives": 3, "sampling": "window"}
    filters = FiltersSettings(max_score=0.9)
    chosen = {
        hardness: dataset.mine(filters, **options, hardness=hardness)[0]["q0"]
        for hardness in (1.0, 0.5, 0.0)
    }
    # d2 is the positive, so that the 30 ranks end with d30; the filter leaves d10 to d30
    assert chosen[1.0] == dataset.mine(filters, **{**options, "sampling": "top"})[0]["q0"]
    assert chosen[1.0] == ["d10", "d11", "d12"]
    assert chosen[0.5] == ["d19", "d20", "d21"]
    assert chosen[0.0] == ["d28", "d29", "d30"]


def test_a_window_goes_on_below_the_range_only_as_far_as_it_must() -> None:
    dataset = RankedDataset(documents=40, depth=8)
    filters = FiltersSettings(max_score=0.93, max_search_depth=40)
    options = {"range_min": 0, "range_max": 8, "sampling": "window", "hardness": 0.0}
    chosen, report = dataset.mine(filters, **options, num_negatives=4)
    assert chosen == {"q0": ["d7", "d8", "d9", "d10"]}
    assert (report.deepened, report.enough) == (1, 1)


def test_a_search_ends_at_the_depth_that_is_allowed() -> None:
    dataset = RankedDataset(documents=40, depth=5)
    filters = FiltersSettings(max_score=0.9, max_search_depth=12)
    chosen, report = dataset.mine(filters, range_min=0, range_max=5, num_negatives=4)
    assert chosen == {"q0": ["d10", "d11"]}
    assert report.candidates == 12


@settings(max_examples=30, deadline=None)
@given(order=st.randoms(use_true_random=False), seed=st.integers(0, 2**64))
def test_the_random_choice_does_not_depend_on_any_order(order, seed: int) -> None:
    dataset, shuffled = (
        RankedDataset(queries=3, documents=40),
        RankedDataset(queries=3, documents=40),
    )
    rows = list(range(40))
    order.shuffle(rows)
    shuffled.document_vectors.ids = dataset.document_vectors.ids.select(np.array(rows))
    shuffled.document_vectors.vectors = dataset.document_vectors.vectors[rows]
    shuffled.texts = replace(dataset.texts, documents=dataset.texts.documents[rows])
    shuffled.qrels = shuffled.qrels.sample(frac=1, random_state=seed % 2**32)
    options = {
        "range_min": 5,
        "range_max": 35,
        "num_negatives": 7,
        "sampling": "random",
        "seed": seed,
    }
    assert dataset.mine(**options)[0] == shuffled.mine(**options)[0]


def test_the_random_choice_moves_with_the_seed_and_is_uniform() -> None:
    dataset = RankedDataset(queries=400, documents=30)
    options = {"range_min": 0, "range_max": 20, "num_negatives": 5, "sampling": "random"}
    first, _ = dataset.mine(**options, seed=1)
    second, _ = dataset.mine(**options, seed=2)
    assert first != second
    times = pd.Series([doc for docs in first.values() for doc in docs]).value_counts()
    assert len(times) == 20
    # 400 queries x 5 of 20: 100 each, standard deviation 8.7
    assert times.between(60, 140).all()
