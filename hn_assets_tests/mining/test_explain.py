"""What the ledger says in words."""

from pathlib import Path

import numpy as np
import pytest
from hn_assets.mining.rules.teacher_filter import TeacherScores

from hn_assets.errors import StoreError
from hn_assets.mining.data.indexed_dataset import DocumentsByQuery
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.miner import Miner
from hn_assets.mining.output.explain import LEDGER_FILE, describe, explain
from hn_assets.mining.output.ledger import to_ledger
from hn_assets.mining.plan import make_plan
from hn_assets.mining.relevance.logistic_model import FEATURES, RelevanceModel
from hn_assets.mining.rules.reasons import CHOSEN, NAMES, Reason
from hn_assets.settings.filters import FiltersSettings
from hn_assets.settings.mining import MiningSettings
from hn_assets.store import DatasetStore
from hn_assets.store.layout import HARD_NEGATIVES
from hn_assets_tests.mining.ledger_rows import Row, row, write_ledger
from hn_assets_tests.mining.ranked_dataset import Toy


def ledger_of(
    toy: Toy,
    filters: FiltersSettings | None = None,
    calibration: Calibration | None = None,
    blocked: dict[Reason, DocumentsByQuery] | None = None,
    teacher: TeacherScores | None = None,
    **options: object,
) -> list[Row]:
    """What mining writes of a toy."""
    mining = MiningSettings.model_validate(
        {"sampling": "top", "range_min": 0, "range_max": 9, **options}
    )
    collection = toy.collection
    miner = Miner(
        collection,
        toy.asked,
        toy.documents,
        make_plan(mining, filters or FiltersSettings(), calibration),
        seed=0,
        on_shortage=mining.on_shortage,
        blocked=blocked,
        teacher=teacher,
    )
    mined = list(miner.mine(toy.block()))
    return [line for part in mined for line in to_ledger(part, collection).to_pylist()]


def by_score(threshold: float) -> Calibration:
    """A calibration by which the score alone decides."""
    weights = tuple(5.0 if name == FEATURES[0] else 0.0 for name in FEATURES)
    size = len(FEATURES)
    model = RelevanceModel((0.0,) * size, (1.0,) * size, weights, 0.0)
    return Calibration(0.1, 1.0, "", model, threshold, 0.05, 0.0, 0.1, 40, 40)


def every_reason(folder: Path) -> list[Row]:
    """Ledgers that together hold every reason."""
    toy = Toy()
    toy.texts.documents[[0, 1, 4, 6]] = [10, 1002, 0, 1005]
    second = DocumentsByQuery.build(np.array([0]), np.array([1]), 1)
    rows = ledger_of(toy, range_min=1, range_max=4, num_negatives=2)
    for limits in (
        {"max_score": 0.97},
        {"min_score": 0.93},
        {"absolute_margin": 0.02},
        {"relative_margin": 0.02},
        {"max_positive_similarity": 0.99},
    ):
        rows += ledger_of(Toy(), FiltersSettings.model_validate(limits))
    for reason in (Reason.NEAR_DUPLICATE, Reason.ANSWER):
        rows += ledger_of(Toy(), blocked={reason: second})
    target = FiltersSettings(target_false_negative_rate=0.1)
    rows += ledger_of(Toy(), target, by_score(0.5))
    scores = {f"d{i}": float(i) for i in range(2, 9)}
    for limits in ({"ceiling": 5.0}, {"floor": 5.0}, {"margin": -3.0}):
        rows += ledger_of(Toy(), teacher=Toy().teacher(folder, scores, **limits))
    return rows + ledger_of(Toy(), num_negatives=10, on_shortage="drop")


def test_every_line_of_the_ledger_is_a_sentence_without_a_missing_number(tmp_path: Path) -> None:
    rows = every_reason(tmp_path)
    assert {line["outcome"] for line in rows} == {*NAMES.values(), CHOSEN}
    for line in rows:
        said = describe(line)
        verb = "is a" if line["outcome"] == CHOSEN else "is no"
        assert said.startswith(f"Document {line['doc_id']!r} {verb} negative of query 'q0'")
        assert said.split("\n")[0].endswith(".")
        assert not any(missing in said for missing in ("nan", "None", "{"))


def test_each_reason_is_said_in_other_words() -> None:
    given = {name: describe(row("q", "d", name, value=1.0, limit=2.0)) for name in NAMES.values()}
    assert len(set(given.values())) == len(NAMES)


@pytest.mark.parametrize(
    ("reason", "value", "limit", "said"),
    [
        (Reason.MAX_SCORE, 0.98765, 0.97, "score 0.9877 is above the ceiling 0.9700."),
        (Reason.MIN_SCORE, 0.25, 0.3, "score 0.2500 is below the floor 0.3000."),
        (
            Reason.ABSOLUTE_MARGIN,
            0.9,
            0.8,
            "0.9000 is above 0.8000, the positives less the absolute",
        ),
        (
            Reason.RELATIVE_MARGIN,
            0.9,
            0.8,
            "0.9000 is above 0.8000, the positives less the relative",
        ),
        (Reason.POSITIVE_SIMILARITY, 0.9, 0.8, "cosine to a positive is 0.9000, above 0.8000."),
        (Reason.TEACHER_MAX_SCORE, 0.9, 0.8, "teacher scores it 0.9000, above the ceiling 0.8000."),
        (Reason.TEACHER_MIN_SCORE, 0.1, 0.8, "teacher scores it 0.1000, below the floor 0.8000."),
        (Reason.TEACHER_MARGIN, 0.9, 0.8, "it 0.9000, above 0.8000, the positives less the"),
        (Reason.PROBABLY_RELEVANT, 0.6, 0.25, "being relevant is 0.6000; 0.2500 is too much."),
        (
            Reason.OUTSIDE_RANGE,
            12.0,
            10.0,
            "at place 12, outside the range (which ends or begins at",
        ),
    ],
)
def test_the_numbers_that_decided_are_given(
    reason: Reason, value: float, limit: float, said: str
) -> None:
    assert said in describe(row("q", "d", NAMES[reason], value=value, limit=limit))


def test_the_other_numbers_follow_and_a_probability_only_where_there_is_one() -> None:
    line = row("q", "d", CHOSEN)
    assert describe(line) == (
        "Document 'd' is a negative of query 'q'.\n"
        "(rank 3, score 0.5000, -0.2500 to the positives' score, "
        "cosine to the nearest positive 0.7500)"
    )
    said = describe({**line, "margin": 0.125, "probability": 0.0625})
    assert "+0.1250 to the positives' score" in said
    assert said.endswith("nearest positive 0.7500, probability of being relevant 0.0625)")
    assert describe({**line, "teacher": 2.0}).endswith("0.7500, teacher's score 2.0000)")


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    """A store of what was mined for q0; q1 has no positive."""
    toy = Toy(queries=2)
    toy.qrels = toy.qrels.drop(index=1)
    rows = [line for line in ledger_of(toy, num_negatives=2) if line["query_id"] == "q0"]
    store = DatasetStore(tmp_path, "toy")
    with store.stage(HARD_NEGATIVES).publish() as draft:
        write_ledger(draft.path(LEDGER_FILE), rows)
    return store


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("d0", "Document 'd0' is a negative of query 'q0'."),
        ("d2", "Document 'd2' is no negative of query 'q0': it is a known positive"),
        ("d9", "Document 'd9' is no negative of query 'q0': it may be one, but the query's other"),
        (
            "d99",
            "Document 'd99' is no negative of query 'q0': it is not among the query's 10 best "
            "candidates.",
        ),
    ],
)
def test_a_pair_is_explained_from_the_store(store: DatasetStore, document: str, said: str) -> None:
    assert explain(store, "q0", document).startswith(said)


@pytest.mark.parametrize("query", ["q1", "q", "Q0"])
def test_a_query_that_was_not_mined_is_an_error(store: DatasetStore, query: str) -> None:
    with pytest.raises(StoreError, match=f"the query '{query}' was not mined"):
        explain(store, query, "d0")


def test_nothing_mined_yet_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="toy/hard_negatives has not been materialized"):
        explain(DatasetStore(tmp_path, "toy"), "q0", "d0")
