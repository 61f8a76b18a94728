"""Reject passages that hold an answer to the query."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hn_assets.errors import SourceError
from hn_assets.filters.base.filter import DocumentFilter, FilterInputs, Reason
from hn_assets.filters.base.word_runs import run_numbers, word_numbers
from hn_assets.settings_base import Settings
from hn_assets.sources.jsonl import read_objects
from hn_assets.sources.read_fields import read_id, read_text

HOLDS_AN_ANSWER = Reason("holds an answer", "it holds an answer to the query")


class AnswersSettings(Settings):
    """The file of known answers."""

    answers: str = Field(
        default="",
        description=(
            "JSONL file of query_id and answers (a list of texts): a passage that holds an answer "
            "is rejected"
        ),
    )


class Answers(DocumentFilter[AnswersSettings]):
    """Rejects passages that hold one of the query's answers as whole words."""

    order = 50
    settings_class = AnswersSettings
    reasons = (HOLDS_AN_ANSWER,)

    @property
    def is_active(self) -> bool:
        """Whether a file is named."""
        return bool(self.settings.answers)

    def external_files(self, base: Path) -> list[Path]:
        """The file of answers."""
        return [base / Path(self.settings.answers).expanduser()] if self.is_active else []

    def find(self, inputs: FilterInputs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The passages that hold an answer to each query."""
        (path,) = self.external_files(inputs.base)
        return documents_with_answers(inputs.texts(), read_answers(path), inputs.query_ids)


def read_answers(path: Path) -> dict[str, list[str]]:
    """The answers by query id from a JSONL file of `query_id` and `answers`.

    Raises:
        SourceError: A line has no query_id that is text or a whole number, or its answers are not
            a list of texts.
    """
    found: dict[str, list[str]] = {}
    for place, row in read_objects(path):
        answers = row.get("answers")
        try:
            query = read_id(row.get("query_id"), "query_id", place)
            if not isinstance(answers, list):
                raise SourceError(f"{place}: the answers are no list")
            texts = [read_text(text, "answer", place) for text in answers]
        except SourceError as error:
            problem = str(error).removeprefix(f"{place}: ")
            raise SourceError(
                f"{place}: a line needs query_id and answers (a list of texts), as in "
                f'{{"query_id": "7", "answers": ["Paris"]}}, but {problem}. The file is {path}'
            ) from error
        found.setdefault(query, []).extend(texts)
    return found


def documents_with_answers(
    texts: Iterable[str], answers: Mapping[str, list[str]], query_ids: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The documents that hold an answer to a query, as whole words.

    Args:
        texts: The texts of all documents, in the order of their rows.
        answers: The answers by query id.
        query_ids: The ids of the queries, by row.

    Returns:
        Rows of queries, and of a document that holds one of their answers; two int64 arrays.
    """
    # the length of an answer in words, its number, the queries it answers
    queries_of: dict[int, dict[int, list[int]]] = {}
    for row, query in enumerate(query_ids):
        for answer in answers.get(query, []):
            words = word_numbers(answer)
            if len(words):
                by_run = queries_of.setdefault(len(words), {})
                by_run.setdefault(int(run_numbers(words, len(words))[0]), []).append(row)
    known = {length: np.array(sorted(runs), np.uint64) for length, runs in queries_of.items()}
    queries: list[int] = []
    documents: list[int] = []
    for row, text in enumerate(texts):
        words = word_numbers(text)
        for length, by_run in queries_of.items():
            for run in _contained(run_numbers(words, length), known[length]):
                queries += by_run[run]
                documents += [row] * len(by_run[run])
    return np.array(queries, np.int64), np.array(documents, np.int64)


def _contained(runs: NDArray[np.uint64], known: NDArray[np.uint64]) -> list[int]:
    """Which of the known runs, in ascending order, are among those of a text."""
    places = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    return np.unique(known[places[known[places] == runs]]).tolist()
