"""What a model is trained on: which rows there are, and what they hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hn_assets.encoding.models.identity import Usage
from hn_assets.encoding.models.prompt import Prompt
from hn_assets.errors import SettingsError
from hn_assets.export.base.examples import Example, Passage
from hn_assets.settings.training import TrainingSettings
from hn_assets.training.training_rows import RowCounts, write_training_rows


def passage(i: str, teacher_score: float | None = None) -> Passage:
    return Passage(i, "", f"text {i}", f"text {i}", 0.5, None, None, teacher_score)


def example(query: int, positives: int = 1, negatives: int = 6) -> Example:
    return Example(
        f"q{query}",
        f"query {query}",
        None,
        [passage(f"p{query}-{i}") for i in range(positives)],
        [passage(f"n{query}-{i}") for i in range(negatives)],
    )


def write(
    folder: Path, examples: Sequence[Example], instruction: str = "", **settings: Any
) -> tuple[RowCounts, list[dict[str, Any]], list[dict[str, Any]]]:
    training, validation = folder / "training.parquet", folder / "validation.parquet"
    counts = write_training_rows(
        examples,
        training,
        validation,
        settings=TrainingSettings(negatives_per_example=3, **settings),
        usage=Usage(Prompt(instruction), Prompt("passage: ")),
    )
    return counts, pq.read_table(training).to_pylist(), pq.read_table(validation).to_pylist()


def test_every_positive_has_a_row_with_negatives_of_its_query(tmp_path: Path) -> None:
    found = write(tmp_path, [example(1, positives=2)], "query: ", validation_share=0)
    counts, rows, _ = found
    assert counts == RowCounts(training=2, training_queries=1)
    assert [row["positive"] for row in rows] == ["passage: text p1-0", "passage: text p1-1"]
    assert {row["query"] for row in rows} == {"query: query 1"}
    negatives = [text for row in rows for text in row["negatives"]]
    assert len(set(negatives)) == 6, "two positives share none of six negatives"
    assert all(text.startswith("passage: text n1-") for text in negatives)


def test_the_validation_part_does_not_depend_on_the_order_of_queries(tmp_path: Path) -> None:
    examples = [example(i) for i in range(300)]
    counts, training, validation = write(tmp_path, examples, validation_share=0.2)
    asked = {row["query"] for row in validation}
    assert 30 < len(asked) < 90
    assert counts.validation_queries == len(asked)
    assert not asked & {row["query"] for row in training}
    _, _, again = write(tmp_path, examples[::-1], validation_share=0.2)
    assert {row["query"] for row in again} == asked
    _, _, other = write(tmp_path, examples, validation_share=0.2, seed=7)
    assert {row["query"] for row in other} != asked


def test_queries_with_too_few_negatives_are_counted(tmp_path: Path) -> None:
    counts, rows, _ = write(tmp_path, [example(1), example(2, negatives=2)], validation_share=0)
    assert counts.queries_with_too_few_negatives == 1
    assert len(rows) == 1
    with pytest.raises(SettingsError, match="1 have fewer than 3 negatives"):
        write(tmp_path, [example(2, negatives=2)])


def test_the_teachers_scores_stand_in_the_order_of_the_passages(tmp_path: Path) -> None:
    scored = Example(
        "q", "query", None, [passage("p", 9.0)], [passage(f"n{i}", float(i)) for i in range(3)]
    )
    _, (row,), _ = write(tmp_path, [scored], validation_share=0)
    assert row["teacher_scores"][0] == 9.0
    assert [f"passage: text n{score:.0f}" for score in row["teacher_scores"][1:]] == row[
        "negatives"
    ]
