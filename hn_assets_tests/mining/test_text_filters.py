"""Which passages hold the words of a positive, or an answer."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.errors import SourceError
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.mining.rules.text_filters import (
    MOST_HOLDERS,
    SHINGLE,
    documents_with_answers,
    near_duplicates,
    near_duplicates_by_query,
    read_answers,
)

PASSAGE = "the heart of a blue whale weighs as much as a small car"  # 12 words, 8 shingles


def near(texts: list[str], positives: list[int], share: float = 0.8) -> set[tuple[int, int]]:
    """DocumentsByQuery of a positive and its near-duplicate, by place in `texts`."""
    left, right = near_duplicates(lambda: texts, np.array(positives, np.int64), share)
    assert len(left) == len(right) == len(set(zip(left, right, strict=True)))
    return set(zip(left.tolist(), right.tolist(), strict=True))


def held(texts: list[str], *answers: str) -> list[int]:
    """Places of the texts that hold an answer."""
    return documents_with_answers(texts, {"q": list(answers)}, ["q"]).of(0).tolist()


def words(count: int, name: str = "w") -> list[str]:
    return [f"{name}{i}" for i in range(count)]


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


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
    positive = words(shingles + SHINGLE - 1)
    others = words(100, "other")

    def begin_alike(count: int) -> str:
        """A text of as many shingles, so many of them the positive's."""
        alike = positive[: count + SHINGLE - 1]
        return " ".join(alike + others[: len(positive) - len(alike)])

    texts = [" ".join(positive), begin_alike(shared), begin_alike(shared - 1)]
    assert near(texts, [0], share) == {(0, 1)}


def test_a_run_of_words_counts_once_however_often_it_stands_there() -> None:
    positive = words(9)  # 5 shingles
    again = " ".join([*positive[:SHINGLE], "new", *positive[:SHINGLE], "new", *positive[:SHINGLE]])
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


@pytest.mark.parametrize("count", [MOST_HOLDERS, MOST_HOLDERS + 1])
def test_what_more_positives_hold_than_the_limit_is_boilerplate(count: int) -> None:
    boilerplate = "all rights reserved by them"
    texts = [f"{boilerplate} {' '.join(words(6, f'own{i}of'))}" for i in range(count)]
    found = near([*texts, boilerplate], list(range(count)))
    assert len(found) == (count if count == MOST_HOLDERS else 0)


def test_boilerplate_does_not_hide_other_likeness() -> None:
    boilerplate = "all rights reserved by them"
    own = " ".join(words(30))
    texts = [f"{boilerplate} a{i} b{i} c{i} d{i} e{i}" for i in range(MOST_HOLDERS)]
    found = near([*texts, f"{boilerplate} {own}", own], list(range(MOST_HOLDERS + 1)))
    assert found == {(MOST_HOLDERS, MOST_HOLDERS + 1)}


TEXTS = st.lists(
    st.lists(st.sampled_from("abc"), max_size=14).map(" ".join), min_size=1, max_size=6
)


def shingles(text: str) -> set[tuple[str, ...]]:
    parts = text.split()
    length = min(SHINGLE, len(parts))
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
    asked, positives = np.array([0, 0, 1, 3]), np.array([4, 1, 4, 2])
    pairs = DocumentsByQuery.build(asked, positives, 4)
    found = near_duplicates_by_query(pairs, (np.array([4, 1, 4, 1]), np.array([9, 9, 0, 7])))
    assert [found.of(query).tolist() for query in range(4)] == [[0, 7, 9], [0, 9], [], []]


def test_no_near_duplicates_are_none_for_each_query() -> None:
    none = np.zeros(0, np.int64)
    found = near_duplicates_by_query(
        DocumentsByQuery.build(np.array([0, 2]), np.array([1, 1]), 3), (none, none)
    )
    assert found.counts().tolist() == [0, 0, 0]


def test_an_answer_is_found_as_whole_words_only() -> None:
    texts = ["By comparison it is small.", "He died in Paris.", "The Parisian way", "Paris"]
    assert held(texts, "Paris") == [1, 3]


def test_case_white_space_and_punctuation_of_an_answer_do_not_matter() -> None:
    texts = ["in new\n YORK, of course", "New York's harbour", "a newyork", "York is new"]
    assert held(texts, " new  york.") == [0, 1]
    assert held(["cafe\u0301", "cafe"], "Café") == [0]


def test_the_words_of_an_answer_stand_together_and_in_order() -> None:
    texts = ["the blue whale", "the blue old whale", "whale the blue", "blue", "blue whale blue"]
    assert held(texts, "blue whale") == [0, 4]
    assert held([*texts, ""], "the blue whale is the largest of all animals") == []


def test_any_of_several_answers_will_do() -> None:
    texts = ["a lorry", "a truck", "a lorry or a truck", "a car"]
    assert held(texts, "truck", "lorry", "a  Truck") == [0, 1, 2]


def test_an_answer_without_words_and_a_text_without_words_hold_nothing() -> None:
    assert held(["what?", "", "?"], "?", "", "  ") == []
    assert held(["", "..."], "Paris") == []


def test_each_query_has_its_own_answers() -> None:
    answers = {"one": ["red"], "none": [], "two": ["red", "blue"], "not asked": ["green"]}
    found = documents_with_answers(
        ["red", "green", "blue"], answers, ["two", "three", "one", "none"]
    )
    assert [found.of(query).tolist() for query in range(4)] == [[0, 2], [], [0], []]


@settings(max_examples=200, deadline=None)
@given(texts=TEXTS, answers=st.lists(st.lists(st.sampled_from("abc"), max_size=4).map(" ".join)))
def test_holders_are_those_that_a_search_for_the_words_gives(
    texts: list[str], answers: list[str]
) -> None:
    assert held(texts, *answers) == [
        row
        for row, text in enumerate(texts)
        if any(answer and f" {answer} " in f" {text} " for answer in answers)
    ]


def test_answers_are_read_by_query(tmp_path: Path) -> None:
    path = write(
        tmp_path / "answers.jsonl",
        '{"query_id": "007", "answers": ["Paris", "Lutetia"], "source": "me"}',
        "",
        '{"query_id": 7, "answers": ["two"]}',
        '{"query_id": "none", "answers": []}',
        '{"query_id": "007", "answers": ["City of Light"]}',
    )
    assert read_answers(path) == {
        "007": ["Paris", "Lutetia", "City of Light"],
        "7": ["two"],
        "none": [],
    }


@pytest.mark.parametrize(
    "line",
    [
        '{"answers": ["Paris"]}',
        '{"query_id": null, "answers": ["Paris"]}',
        '{"query_id": "8"}',
        '{"query_id": "8", "answers": "Paris"}',
        '{"query_id": "8", "answers": ["Paris", 75]}',
        '{"query_id": "8", "answers": null}',
    ],
)
def test_a_line_that_gives_no_answers_is_named(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "answers.jsonl", '{"query_id": "7", "answers": ["Paris"]}', line)
    message = r"^answers\.jsonl:2: a line needs query_id and answers \(a list of texts\)"
    with pytest.raises(SourceError, match=message) as caught:
        read_answers(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query_id": "8", ', r"answers\.jsonl:2: not JSON"),
        ('["8", "Paris"]', r"answers\.jsonl:2: a JSON list"),
    ],
)
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "answers.jsonl", '{"query_id": "7", "answers": []}', line)
    with pytest.raises(SourceError, match=message):
        read_answers(path)


def test_a_file_of_answers_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.jsonl is not there"):
        read_answers(tmp_path / "nowhere.jsonl")
