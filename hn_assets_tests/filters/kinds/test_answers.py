"""Which passages hold an answer."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.errors import SourceError
from hn_assets.filters.all_filters import external_files
from hn_assets.filters.kinds.answers import Answers, documents_with_answers, read_answers
from hn_assets.settings.filters import FiltersSettings
from hn_assets_tests.filters.rejected import ledger_of_text_filter
from hn_assets_tests.mining.output.ledger_rows import assert_sentences


def documents_of(texts: list[str], answers: dict[str, list[str]], *queries: str) -> list[list[int]]:
    """The places of the texts that hold an answer, for each query."""
    rows, documents = documents_with_answers(texts, answers, queries)
    return [sorted(set(documents[rows == query].tolist())) for query in range(len(queries))]


def held(texts: list[str], *answers: str) -> list[int]:
    """The places of the texts that hold one of some answers."""
    return documents_of(texts, {"q": list(answers)}, "q")[0]


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


TEXTS = st.lists(
    st.lists(st.sampled_from("abc"), max_size=14).map(" ".join), min_size=1, max_size=6
)


def test_the_file_is_named_for_who_must_know_when_it_changes(tmp_path: Path) -> None:
    filters = FiltersSettings(answers="known/answers.jsonl")
    assert external_files(filters, tmp_path) == [tmp_path / "known" / "answers.jsonl"]
    assert external_files(FiltersSettings(max_score=0.5), tmp_path) == []


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
    found = documents_of(["red", "green", "blue"], answers, "two", "three", "one", "none")
    assert found == [[0, 2], [], [0], []]


@settings(max_examples=200, deadline=None)
@given(texts=TEXTS, answers=st.lists(st.lists(st.sampled_from("abc"), max_size=4).map(" ".join)))
def test_passages_are_those_that_a_search_for_the_words_gives(
    texts: list[str], answers: list[str]
) -> None:
    assert held(texts, *answers) == [
        row
        for row, text in enumerate(texts)
        if any(answer and f" {answer} " in f" {text} " for answer in answers)
    ]


def test_query_ids_are_read_as_a_source_reads_them(tmp_path: Path) -> None:
    assert read_answers(write(tmp_path / "a.jsonl", '{"query_id": " 7 ", "answers": []}')) == {
        "7": []
    }


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
        '{"query_id": 8.0, "answers": ["Paris"]}',
        '{"query_id": true, "answers": ["Paris"]}',
        '{"query_id": ["8"], "answers": ["Paris"]}',
        '{"query_id": " ", "answers": ["Paris"]}',
        '{"query_id": "8", "answers": ["\\ud800"]}',
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


def test_the_ledger_says_that_a_passage_holds_an_answer(tmp_path: Path) -> None:
    write(tmp_path / "answers.jsonl", '{"query_id": "q0", "answers": ["again"]}')
    rows = ledger_of_text_filter(tmp_path, FiltersSettings(answers="answers.jsonl"))
    (reason,) = Answers.reasons
    assert_sentences(rows, [reason.label])
    assert [row["doc_id"] for row in rows if row["outcome"] == reason.label] == ["d1"]
