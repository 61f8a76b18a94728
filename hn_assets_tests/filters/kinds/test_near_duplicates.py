"""Which passages share their words with a positive."""

import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.filters.base.word_runs import run_numbers, word_numbers
from hn_assets.filters.kinds.near_duplicates import (
    MAX_POSITIVES_PER_SHINGLE,
    SHINGLE_WORDS,
    NearDuplicates,
    near_duplicates,
    near_duplicates_by_query,
)
from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.filters.rejected import ledger_of_text_filter
from hn_assets_tests.mining.output.ledger_rows import assert_sentences

PASSAGE = "the heart of a blue whale weighs as much as a small car"  # 12 words, 8 shingles


def near(texts: list[str], positives: list[int], share: float = 0.8) -> set[tuple[int, int]]:
    """Each positive with its near-duplicates, by place in `texts`."""
    left, right = near_duplicates(lambda: texts, np.array(positives, np.int64), share)
    assert len(left) == len(right) == len(set(zip(left, right, strict=True)))
    return set(zip(left.tolist(), right.tolist(), strict=True))


def words(count: int, name: str = "w") -> list[str]:
    return [f"{name}{i}" for i in range(count)]


def test_a_passage_that_holds_the_positive_is_a_near_duplicate() -> None:
    longer = f"It is said by many people that {PASSAGE}, and nobody doubts it any more."
    assert near([PASSAGE, longer, "something else altogether, of as many words"], [0]) == {(0, 1)}


def test_a_passage_that_the_positive_holds_is_a_near_duplicate() -> None:
    longer = f"It is said by many people that {PASSAGE}, and nobody doubts it any more."
    assert near(["of something else that is as long", PASSAGE, longer], [2]) == {(2, 1)}


@pytest.mark.parametrize(
    ("share", "shingles", "shared"),
    [
        (0.8, 10, 8),
        (1.0, 10, 10),
        (0.5, 9, 5),
        (0.56, 25, 14),
    ],
)
def test_the_share_is_met_at_the_limit_and_not_under_it(
    share: float, shingles: int, shared: int
) -> None:
    positive = words(shingles + SHINGLE_WORDS - 1)
    others = words(100, "other")

    def begin_alike(count: int) -> str:
        """A text of as many shingles, so many of them the positive's."""
        alike = positive[: count + SHINGLE_WORDS - 1]
        return " ".join(alike + others[: len(positive) - len(alike)])

    texts = [" ".join(positive), begin_alike(shared), begin_alike(shared - 1)]
    assert near(texts, [0], share) == {(0, 1)}


def test_a_run_of_words_counts_once_however_often_it_stands_there() -> None:
    positive = words(9)  # 5 shingles
    again = " ".join(
        [
            *positive[:SHINGLE_WORDS],
            "new",
            *positive[:SHINGLE_WORDS],
            "new",
            *positive[:SHINGLE_WORDS],
        ]
    )
    assert near([" ".join(positive), again], [0], 0.4) == set()


def test_words_in_another_order_are_not_alike() -> None:
    assert near([PASSAGE, " ".join(reversed(PASSAGE.split()))], [0], 0.1) == set()


def test_case_punctuation_and_white_space_do_not_matter() -> None:
    other = PASSAGE.upper().replace(" ", " \n\t").replace("WHALE", "“WHALE” —") + "!"
    assert near([PASSAGE, other], [0], 1.0) == {(0, 1)}


def test_a_text_of_under_five_words_is_like_the_same_words_only() -> None:
    texts = ["Paris, in France", "paris in FRANCE", "paris in", "in paris france"]
    assert near([*texts, "he lives in Paris in France with a dog"], [0]) == {(0, 1)}
    assert near(["one two three four", "and one two three four five"], [0]) == set()


def test_five_words_are_found_within_a_longer_text() -> None:
    assert near(["one two three four five", "and one two three four five six"], [0]) == {(0, 1)}


def test_a_text_without_words_is_like_nothing() -> None:
    assert near(["", " ", "...", PASSAGE], [0, 1, 2]) == set()


def test_a_positive_is_no_near_duplicate_of_itself_but_may_be_one_of_another() -> None:
    assert near([PASSAGE, "something else", PASSAGE], [0, 2]) == {(0, 2), (2, 0)}


def test_only_what_was_named_counts_as_a_positive() -> None:
    assert near([PASSAGE, PASSAGE, PASSAGE], [1]) == {(1, 0), (1, 2)}
    assert near([PASSAGE, PASSAGE], []) == set()


@pytest.mark.parametrize("count", [MAX_POSITIVES_PER_SHINGLE, MAX_POSITIVES_PER_SHINGLE + 1])
def test_what_more_positives_hold_than_the_limit_is_boilerplate(count: int) -> None:
    boilerplate = "all rights reserved by them"
    texts = [f"{boilerplate} {' '.join(words(6, f'own{i}of'))}" for i in range(count)]
    found = near([*texts, boilerplate], list(range(count)))
    assert len(found) == (count if count == MAX_POSITIVES_PER_SHINGLE else 0)


def test_boilerplate_does_not_hide_that_other_words_are_shared() -> None:
    boilerplate = "all rights reserved by them"
    own = " ".join(words(30))
    texts = [f"{boilerplate} a{i} b{i} c{i} d{i} e{i}" for i in range(MAX_POSITIVES_PER_SHINGLE)]
    found = near([*texts, f"{boilerplate} {own}", own], list(range(MAX_POSITIVES_PER_SHINGLE + 1)))
    assert found == {(MAX_POSITIVES_PER_SHINGLE, MAX_POSITIVES_PER_SHINGLE + 1)}


TEXTS = st.lists(
    st.lists(st.sampled_from("abc"), max_size=14).map(" ".join), min_size=1, max_size=6
)


def shingles(text: str) -> set[tuple[str, ...]]:
    parts = text.split()
    length = min(SHINGLE_WORDS, len(parts))
    return {tuple(parts[i : i + length]) for i in range(len(parts) - length + 1) if length}


@settings(max_examples=200, deadline=None)
@given(texts=TEXTS, share=st.sampled_from([0.125, 0.5, 0.75, 1.0]), data=st.data())
def test_near_duplicates_are_those_that_sets_of_shingles_give(
    texts: list[str], share: float, data: st.DataObject
) -> None:
    positives = data.draw(st.lists(st.integers(0, len(texts) - 1), unique=True))
    sets = [shingles(text) for text in texts]
    assert near(texts, positives, share) == {
        (p, d)
        for p in positives
        for d in range(len(texts))
        if d != p and sets[p] & sets[d]
        if len(sets[p] & sets[d]) >= share * min(len(sets[p]), len(sets[d]))
    }


def test_a_query_gets_the_near_duplicates_of_its_positives() -> None:
    queries, positives = np.array([0, 0, 1, 3]), np.array([4, 1, 4, 2])
    known, duplicates = np.array([4, 1, 4, 1]), np.array([9, 9, 0, 7])
    found = near_duplicates_by_query(queries, positives, known, duplicates)
    assert set(zip(*(part.tolist() for part in found), strict=True)) == {
        (0, 0),
        (0, 7),
        (0, 9),
        (1, 0),
        (1, 9),
    }


def test_no_near_duplicates_are_none_for_each_query() -> None:
    none = np.zeros(0, np.int64)
    found = near_duplicates_by_query(np.array([0, 2]), np.array([1, 1]), none, none)
    assert [part.tolist() for part in found] == [[], []]


def test_the_ledger_says_that_a_passage_is_a_near_duplicate(tmp_path: Path) -> None:
    rows = ledger_of_text_filter(tmp_path, FiltersSettings(near_duplicate_overlap=0.9))
    (reason,) = NearDuplicates.reasons
    assert_sentences(rows, [reason.label])
    assert [row["doc_id"] for row in rows if row["outcome"] == reason.label] == ["d1"]


def by_hand(texts: list[str], positives: list[int], share: float) -> set[tuple[int, int]]:
    """Every document against every positive, shingle by shingle."""
    shingles = [
        set(run_numbers(found, min(SHINGLE_WORDS, len(found))).tolist())
        for found in (word_numbers(text) for text in texts)
    ]
    holders = Counter(shingle for row in positives for shingle in shingles[row])
    rare = {shingle for shingle, count in holders.items() if count <= MAX_POSITIVES_PER_SHINGLE}
    found = set()
    for positive in positives:
        for row, own in enumerate(shingles):
            shared = len(own & shingles[positive] & rare)
            needed = share * min(len(own), len(shingles[positive]))
            if row != positive and shared and shared >= needed - 1e-9:
                found.add((positive, row))
    return found


def test_thousands_of_near_duplicates_are_quicker_than_comparing_all_pairs() -> None:
    begun = " ".join(words(40))
    texts = [f"{begun} number{row}" for row in range(1_500)]
    positives = list(range(300))
    near(texts[:10], [0])  # what is imported at first use does not count
    start = time.perf_counter()
    known, _ = near_duplicates(lambda: texts, np.array(positives), 0.8)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    expected = by_hand(texts, positives, 0.8)
    by_pairs = time.perf_counter() - start
    assert len(known) == len(expected) == 300 * 1_499
    assert ours < by_pairs / 3


def test_a_long_text_takes_memory_of_a_few_times_its_length() -> None:
    generator = np.random.default_rng(0)
    text = " ".join(f"word{i}" for i in generator.integers(0, 3_000, 300_000))
    positive = text[: len(text) // 2]
    word_numbers(text[:100_000])
    tracemalloc.start()
    left, right = near_duplicates(lambda: [text, positive], np.array([1]), 0.8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (left.tolist(), right.tolist()) == ([1], [0])
    assert peak < 8 * len(text)
