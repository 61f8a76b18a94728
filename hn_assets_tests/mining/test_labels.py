"""What the ledger says in words, and which of its lines a person should look at."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets import tables
from hn_assets.errors import StoreError
from hn_assets.mining.calibration import Calibration
from hn_assets.mining.collection import Pairs
from hn_assets.mining.labels import PER_QUERY, likely_missing, write_for_review
from hn_assets.mining.ledger import to_ledger
from hn_assets.mining.mine import Miner
from hn_assets.mining.plan import make_plan
from hn_assets.mining.reasons import CHOSEN, NAMES, NEVER, Reason
from hn_assets.mining.relevance import FEATURES, RelevanceModel
from hn_assets.mining.settings import MiningSettings, NegativesSettings
from hn_assets.mining.teacher import TeacherScores
from hn_assets.mining.why import LEDGER_FILE, explain, in_words
from hn_assets.sources.reviewed import read_verdicts
from hn_assets.stages import HARD_NEGATIVES
from hn_assets.store import Store
from hn_assets_tests.mining.toys import Toy

Row = dict[str, Any]

OTHERS = NAMES[Reason.NOT_DRAWN]


def row(query: str, document: str, outcome: str = OTHERS, **numbers: float | None) -> Row:
    """A line of the ledger."""
    return {
        "query_id": query,
        "doc_id": document,
        "rank": 3,
        "score": 0.5,
        "outcome": outcome,
        "value": None,
        "limit": None,
        "margin": -0.25,
        "closeness": 0.75,
        "probability": None,
        "teacher": None,
        **numbers,
    }


def write_ledger(path: Path, rows: list[Row], at_once: int = 1000) -> Path:
    table = pa.Table.from_pylist(rows, schema=tables.LEDGER)
    pq.write_table(table, path, row_group_size=at_once)
    return path


def pairs(found: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(found.query_id, found.doc_id, strict=True))


def best(folder: Path, rows: list[Row], **options: int) -> list[tuple[str, str]]:
    return pairs(likely_missing(write_ledger(folder / "ledger.parquet", rows), **options))


def ledger_of(
    toy: Toy,
    filters: NegativesSettings | None = None,
    calibration: Calibration | None = None,
    blocked: dict[Reason, Pairs] | None = None,
    teacher: TeacherScores | None = None,
    **options: object,
) -> list[Row]:
    """What mining writes of a toy."""
    mining = MiningSettings.model_validate({"sampling": "top", "range": [0, 9], **options})
    collection = toy.collection
    miner = Miner(
        collection,
        toy.asked,
        toy.documents,
        make_plan(mining, filters or NegativesSettings(), calibration),
        seed=0,
        on_shortage=mining.on_shortage,
        blocked=blocked,
        teacher=teacher,
    )
    mined = list(miner.mine(toy.pool()))
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
    second = Pairs.build(np.array([0]), np.array([1]), 1)
    rows = ledger_of(toy, range=[1, 4], negatives=2)
    for limits in (
        {"score_ceiling": 0.97},
        {"score_floor": 0.93},
        {"absolute_margin": 0.02},
        {"relative_margin": 0.02},
        {"closeness_ceiling": 0.99},
    ):
        rows += ledger_of(Toy(), NegativesSettings.model_validate(limits))
    for reason in (Reason.NEAR_DUPLICATE, Reason.ANSWER):
        rows += ledger_of(Toy(), blocked={reason: second})
    target = NegativesSettings(target_false_negative_rate=0.1)
    rows += ledger_of(Toy(), target, by_score(0.5))
    scores = {f"d{i}": float(i) for i in range(2, 9)}
    for limits in ({"ceiling": 5.0}, {"floor": 5.0}, {"margin": -3.0}):
        rows += ledger_of(Toy(), teacher=Toy().teacher(folder, scores, **limits))
    return rows + ledger_of(Toy(), negatives=10, on_shortage="drop")


def test_every_line_of_the_ledger_is_a_sentence_without_a_missing_number(tmp_path: Path) -> None:
    rows = every_reason(tmp_path)
    assert {line["outcome"] for line in rows} == {*NAMES.values(), CHOSEN}
    for line in rows:
        said = in_words(line)
        verb = "is a" if line["outcome"] == CHOSEN else "is no"
        assert said.startswith(f"Document {line['doc_id']!r} {verb} negative of query 'q0'")
        assert said.split("\n")[0].endswith(".")
        assert not any(missing in said for missing in ("nan", "None", "{"))


def test_each_reason_is_said_in_other_words() -> None:
    given = {name: in_words(row("q", "d", name, value=1.0, limit=2.0)) for name in NAMES.values()}
    assert len(set(given.values())) == len(NAMES)


@pytest.mark.parametrize(
    ("reason", "value", "limit", "said"),
    [
        (Reason.SCORE_CEILING, 0.98765, 0.97, "score 0.9877 is above the ceiling 0.9700."),
        (Reason.SCORE_FLOOR, 0.25, 0.3, "score 0.2500 is below the floor 0.3000."),
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
        (Reason.CLOSENESS, 0.9, 0.8, "cosine to a positive is 0.9000, above 0.8000."),
        (Reason.TEACHER_CEILING, 0.9, 0.8, "teacher scores it 0.9000, above the ceiling 0.8000."),
        (Reason.TEACHER_FLOOR, 0.1, 0.8, "teacher scores it 0.1000, below the floor 0.8000."),
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
    assert said in in_words(row("q", "d", NAMES[reason], value=value, limit=limit))


def test_the_other_numbers_follow_and_a_probability_only_where_there_is_one() -> None:
    line = row("q", "d", CHOSEN)
    assert in_words(line) == (
        "Document 'd' is a negative of query 'q'.\n"
        "(rank 3, score 0.5000, -0.2500 to the positives' score, "
        "cosine to the nearest positive 0.7500)"
    )
    said = in_words({**line, "margin": 0.125, "probability": 0.0625})
    assert "+0.1250 to the positives' score" in said
    assert said.endswith("nearest positive 0.7500, probability of being relevant 0.0625)")
    assert in_words({**line, "teacher": 2.0}).endswith("0.7500, teacher's score 2.0000)")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of what was mined for q0; q1 has no positive."""
    toy = Toy(queries=2)
    toy.qrels = toy.qrels.drop(index=1)
    rows = [line for line in ledger_of(toy, negatives=2) if line["query_id"] == "q0"]
    store = Store(tmp_path, "toy")
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
def test_a_pair_is_explained_from_the_store(store: Store, document: str, said: str) -> None:
    assert explain(store, "q0", document).startswith(said)


@pytest.mark.parametrize("query", ["q1", "q", "Q0"])
def test_a_query_that_was_not_mined_is_an_error(store: Store, query: str) -> None:
    with pytest.raises(StoreError, match=f"the query '{query}' was not mined"):
        explain(store, query, "d0")


def test_nothing_mined_yet_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="toy/hard_negatives has not been materialized"):
        explain(Store(tmp_path, "toy"), "q0", "d0")


def test_labels_are_asked_for_what_was_rejected_and_not_for_positives_or_negatives(
    tmp_path: Path,
) -> None:
    outcomes = [*NAMES.values(), CHOSEN]
    rows = [row(f"q{i}", "d", outcome) for i, outcome in enumerate(outcomes)]
    found = likely_missing(write_ledger(tmp_path / "ledger.parquet", rows))
    never = {NAMES[reason] for reason in NEVER}
    assert NAMES[Reason.POSITIVE] in never
    assert set(found.outcome) == set(outcomes) - never - {CHOSEN}
    assert list(found.columns) == [
        *("query_id", "doc_id", "rank", "score", "outcome"),
        *("margin", "closeness", "probability", "likeness"),
    ]


def test_the_likeliest_by_probability_come_first(tmp_path: Path) -> None:
    rows = [
        row("q1", "a", probability=0.25, margin=0.9, closeness=0.9),
        row("q2", "a", probability=0.75, margin=-0.9, closeness=-0.9),
        row("q1", "b", probability=0.5),
    ]
    assert best(tmp_path, rows) == [("q2", "a"), ("q1", "b"), ("q1", "a")]


def test_without_a_probability_margin_and_closeness_decide_together(tmp_path: Path) -> None:
    rows = [
        row("q1", "a", margin=-0.5, closeness=0.75),
        row("q1", "b", margin=-0.25, closeness=0.75),
        row("q2", "c", margin=-0.5, closeness=0.875),
    ]
    found = likely_missing(write_ledger(tmp_path / "ledger.parquet", rows))
    assert pairs(found) == [("q1", "b"), ("q2", "c"), ("q1", "a")]
    assert found.likeness.tolist() == [0.5, 0.375, 0.25]
    assert found.probability.isna().all()


def test_what_is_alike_comes_in_the_order_of_ids(tmp_path: Path) -> None:
    rows = [row("q2", "a"), row("q1", "b"), row("q10", "c"), row("q1", "a")]
    assert best(tmp_path, rows) == [("q1", "a"), ("q1", "b"), ("q10", "c"), ("q2", "a")]


def test_a_query_is_asked_about_a_few_times_at_most_and_its_likeliest_stay(tmp_path: Path) -> None:
    rows = [row("q1", f"d{i}", probability=0.5 + i / 64) for i in range(PER_QUERY + 3)]
    rows += [row("q2", f"d{i}", probability=i / 64) for i in range(2)]
    last = PER_QUERY + 2
    assert best(tmp_path, rows) == [
        *(("q1", f"d{last - i}") for i in range(PER_QUERY)),
        ("q2", "d1"),
        ("q2", "d0"),
    ]


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_are_given_than_wanted(tmp_path: Path, most: int) -> None:
    rows = [row(f"q{i}", "d", probability=i / 8) for i in range(8)]
    assert best(tmp_path, rows, most=most) == [(f"q{7 - i}", "d") for i in range(most)]


def test_a_ledger_of_chosen_candidates_alone_leaves_nothing_to_ask(tmp_path: Path) -> None:
    found = likely_missing(write_ledger(tmp_path / "ledger.parquet", [row("q", "d", CHOSEN)]))
    assert len(found) == 0
    write_for_review(found, tmp_path, queries={}, passages={}, positives={})
    assert read_verdicts(tmp_path / "likely_missing_labels.csv") == {}


def test_a_ledger_without_lines_leaves_nothing_to_ask(tmp_path: Path) -> None:
    assert best(tmp_path, []) == []


@settings(max_examples=100, deadline=None)
@given(
    pairs_of=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 15)), unique=True, min_size=1, max_size=60
    ),
    at_once=st.integers(1, 12),
    most=st.integers(1, 20),
    data=st.data(),
)
def test_a_ledger_read_in_blocks_gives_the_same_as_one_read_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    pairs_of: list[tuple[int, int]],
    at_once: int,
    most: int,
    data: st.DataObject,
) -> None:
    numbers = st.sampled_from([None, 0.0, 0.25, 0.5, 0.75])
    rows = [
        row(f"q{query}", f"d{document}", probability=data.draw(numbers))
        for query, document in pairs_of
    ]
    path = tmp_path_factory.mktemp("ledger") / "ledger.parquet"
    whole = likely_missing(write_ledger(path, rows), most)
    # a block never reaches over the end of a row group
    parts = likely_missing(write_ledger(path, rows, at_once), most)
    pd.testing.assert_frame_equal(parts, whole)


def fill_in(path: Path, verdicts: dict[tuple[str, str], str]) -> None:
    """What a person does to the CSV, in a program that knows CSV."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        line["verdict"] = verdicts.get((line["query_id"], line["doc_id"]), "")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def review(folder: Path, passages: dict[str, str]) -> Path:
    """The CSV that a person gets, of a query 007 and these passages."""
    rows = [row("007", document, NAMES[Reason.CLOSENESS]) for document in passages]
    found = likely_missing(write_ledger(folder / "ledger.parquet", rows))
    texts = {"queries": {"007": "which, then?"}, "positives": {"007": 'the "one"'}}
    write_for_review(found, folder, passages=passages, **texts)
    return folder / "likely_missing_labels.csv"


def test_the_parquet_of_likely_labels_holds_the_texts(tmp_path: Path) -> None:
    rows = [row("q1", "a", probability=0.75), row("q2", "b", probability=0.3)]
    found = likely_missing(write_ledger(tmp_path / "ledger.parquet", rows))
    write_for_review(
        found,
        tmp_path,
        queries={"q1": "one?", "q2": "two?"},
        passages={"a": "alpha", "b": "beta", "c": "gamma"},
        positives={"q1": "gamma"},
    )
    table = pq.read_table(tmp_path / "likely_missing_labels.parquet")
    assert table.schema.equals(tables.LIKELY_MISSING, check_metadata=True)
    texts = [list(line.values()) for line in table.select([0, 1, 9, 10, 11]).to_pylist()]
    assert texts == [
        ["q1", "a", "one?", "alpha", "gamma"],
        ["q2", "b", "two?", "beta", ""],
    ]
    shown = pd.read_csv(tmp_path / "likely_missing_labels.csv", keep_default_na=False)
    assert shown.columns.tolist() == [
        *("query_id", "doc_id", "verdict", "likeness", "outcome", "query", "passage", "positive")
    ]
    assert shown.likeness.tolist() == [0.75, 0.3]
    assert shown.passage.tolist() == ["alpha", "beta"]
    assert shown.verdict.tolist() == ["", ""]


def test_the_csv_is_read_back_once_it_is_filled_in(tmp_path: Path) -> None:
    passages = {"01": "one, two", "2": 'the "three"\nand four', "c": "fünf", "d": "", "NA": "x"}
    path = review(tmp_path, passages)
    with path.open(encoding="utf-8-sig", newline="") as file:
        shown = {line["doc_id"]: line["passage"].split() for line in csv.DictReader(file)}
    assert shown == {document: text.split() for document, text in passages.items()}
    assert read_verdicts(path) == {}, "nobody has looked at it yet"
    verdicts = {
        ("007", "01"): "relevant",
        ("007", "2"): "Not relevant",
        ("007", "NA"): "relevant",
    }
    fill_in(path, verdicts)
    assert {pair: said.score for pair, said in read_verdicts(path).items()} == {
        ("007", "01"): 1,
        ("007", "2"): 0,
        ("007", "NA"): 1,
    }


@pytest.mark.parametrize("passage", ["one\rtwo", "x" * (csv.field_size_limit() + 1)], ids=len)
def test_no_passage_breaks_the_csv(tmp_path: Path, passage: str) -> None:
    path = review(tmp_path, {"a": passage, "b": "beta"})
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [line["doc_id"] for line in csv.DictReader(file)] == ["a", "b"]
    fill_in(path, {("007", "a"): "relevant", ("007", "b"): "not relevant"})
    found = {pair: said.score for pair, said in read_verdicts(path).items()}
    assert found == {("007", "a"): 1, ("007", "b"): 0}
