"""What the ledger says of a candidate, as sentences."""

from pathlib import Path

import pytest

from hn_assets.errors import StoreError
from hn_assets.filters.all_filters import FILTERS
from hn_assets.mining.output.explain import describe, explain
from hn_assets.mining.rules.reasons import CHOSEN, REASONS
from hn_assets.store import DatasetStore
from hn_assets.store.layout import LEDGER
from hn_assets_tests.mining.output.ledger_rows import (
    Row,
    assert_sentences,
    ledger_of,
    row,
    write_ledger,
)
from hn_assets_tests.mining.ranked_dataset import RankedDataset


def every_reason_of_the_miner(folder: Path) -> list[Row]:
    """Ledgers that together hold every reason that no filter gives."""
    dataset = RankedDataset()
    dataset.texts.documents[[0, 1, 4, 6]] = [10, 1002, 0, 1005]
    rows = ledger_of(dataset, range_min=1, range_max=4, num_negatives=2)
    rows += ledger_of(RankedDataset(), num_negatives=10, on_shortage="drop")
    scored = RankedDataset().teacher(folder, {"d2": 2.0, "d3": 1.0})
    return rows + ledger_of(RankedDataset(), teacher=scored)


def test_every_line_of_the_ledger_is_a_sentence_without_a_missing_number(tmp_path: Path) -> None:
    # the reasons of a filter are tried beside the filter
    of_filters = {reason for kind in FILTERS for reason in kind.reasons}
    others = [reason.label for reason in REASONS if reason not in of_filters]
    assert_sentences(every_reason_of_the_miner(tmp_path), [*others, CHOSEN])


def test_every_reason_is_declared_once_and_has_a_sentence_of_its_own() -> None:
    given = {describe(row("q", "d", reason.label, value=1.0, limit=2.0)) for reason in REASONS}
    assert len(given) == len({reason.label for reason in REASONS}) == len(REASONS)
    assert {reason for kind in FILTERS for reason in kind.reasons} < set(REASONS)


@pytest.mark.parametrize(
    ("outcome", "value", "limit", "said"),
    [
        ("score above the maximum", 0.98765, 0.97, "score 0.9877 is above the maximum 0.9700."),
        ("score below the minimum", 0.25, 0.3, "score 0.2500 is below the minimum 0.3000."),
        (
            "within the absolute margin",
            0.9,
            0.8,
            "0.9000 is above 0.8000, the positives' score minus the absolute margin.",
        ),
        (
            "within the relative margin",
            0.9,
            0.8,
            "0.9000 is above 0.8000, the positives' score minus the relative margin.",
        ),
        ("close to a positive", 0.9, 0.8, "cosine to a positive is 0.9000, above 0.8000."),
        ("above the teacher's maximum", 0.9, 0.8, "scores it 0.9000, above the maximum 0.8000."),
        ("below the teacher's minimum", 0.1, 0.8, "scores it 0.1000, below the minimum 0.8000."),
        ("within the teacher's margin", 0.9, 0.8, "scores it 0.9000, above 0.8000, its score of"),
        ("probably relevant", 0.6, 0.25, "being relevant is 0.6000; from 0.2500 on"),
        ("outside the range", 12.0, 10.0, "place 12, outside the range (which ends or begins at 1"),
    ],
)
def test_the_numbers_that_decided_are_given(
    outcome: str, value: float, limit: float, said: str
) -> None:
    assert said in describe(row("q", "d", outcome, value=value, limit=limit))


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
    assert describe({**line, "teacher_score": 2.0}).endswith("0.7500, teacher's score 2.0000)")


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    """A store of what was mined for q0; q1 has no positive."""
    dataset = RankedDataset(queries=2)
    dataset.qrels = dataset.qrels.drop(index=1)
    rows = [line for line in ledger_of(dataset, num_negatives=2) if line["query_id"] == "q0"]
    store = DatasetStore(tmp_path, "toy")
    with store.stage(LEDGER.stage).publish() as draft:
        write_ledger(draft.path(LEDGER.name), rows)
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


def test_a_random_document_is_not_counted_among_the_candidates(tmp_path: Path) -> None:
    rows = [row("q0", f"d{n}", rank=n) for n in range(3)]
    drawn = row("q0", "d40", CHOSEN) | {"source": "random", "rank": None}
    store = DatasetStore(tmp_path, "toy")
    with store.stage(LEDGER.stage).publish() as draft:
        write_ledger(draft.path(LEDGER.name), [*rows, drawn])
    assert "not among the query's 3 best candidates" in explain(store, "q0", "d99")
    assert explain(store, "q0", "d40").startswith(
        "Document 'd40' is a negative of query 'q0', drawn at random from the whole corpus."
    )


@pytest.mark.parametrize("query", ["q1", "q", "Q0"])
def test_a_query_that_was_not_mined_is_an_error(store: DatasetStore, query: str) -> None:
    with pytest.raises(StoreError, match=f"the query '{query}' was not mined"):
        explain(store, query, "d0")


def test_nothing_mined_yet_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="toy/hard_negatives has not been materialized"):
        explain(DatasetStore(tmp_path, "toy"), "q0", "d0")
