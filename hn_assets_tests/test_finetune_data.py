"""A fine-tuning benchmark hides positives from all that trains, and holds queries out."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.finetune_data import Data, Negatives


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 queries with three positives each, and no train qrels."""
    (tmp_path / "qrels").mkdir()
    documents = [{"_id": f"d{i}", "title": "", "text": f"text {i}"} for i in range(130)]
    queries = [{"_id": f"q{i}", "text": f"question {i}"} for i in range(40)]
    for name, rows in (("corpus", documents), ("queries", queries)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"q{i}\td{3 * i + j}\t1\n" for i in range(40) for j in range(3)]
    lines.append("q0\td125\t0\n")
    (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return tmp_path


def test_half_of_the_queries_are_the_test_with_all_their_positives(folder: Path) -> None:
    data = Data(folder, one_positive=True)
    held_out = set(data.test.query_id)
    assert 10 <= len(held_out) <= 30 and len(held_out) + len(data.positives) == 40
    assert not held_out & set(data.positives)
    assert (data.test[data.test.relevance > 0].groupby("query_id").size() == 3).all()


def test_of_a_training_query_one_positive_is_visible_and_nothing_else_is_mined(
    folder: Path, tmp_path: Path
) -> None:
    data = Data(folder, one_positive=True)
    for query, (visible,) in data.positives.items():
        number = int(query[1:])
        expected = {f"d{3 * number + j}" for j in range(3)}
        assert data.hidden[query] | {visible} == expected and len(data.hidden[query]) == 2
    # which one is no matter of its place in the file
    assert len({int(docs[0][1:]) % 3 for docs in data.positives.values()}) == 3
    raw = data.write_visible(tmp_path / "out")
    pairs = pd.read_csv(raw / "qrels/train.tsv", sep="\t", dtype=str)
    assert dict(zip(pairs["query-id"], pairs["corpus-id"], strict=True)) == {
        query: docs[0] for query, docs in data.positives.items()
    }
    assert {json.loads(line)["_id"] for line in (raw / "queries.jsonl").open()} == set(
        data.positives
    )
    assert [path.name for path in (raw / "qrels").iterdir()] == ["train.tsv"]
    assert not any(Data(folder, one_positive=False).hidden.values())


def test_hidden_positives_among_negatives_are_counted(folder: Path) -> None:
    data = Data(folder, one_positive=True)
    first, second = sorted(data.positives)[:2]
    found = Negatives({first: [min(data.hidden[first]), "d128"], second: ["d128", "d129"]}, None)
    assert found.hidden_share(data) == 0.25
    assert len(found.of_queries(1).of_query) == 1
    assert found.of_queries(None) == found


def test_fewer_documents_may_be_searched_and_the_relevant_ones_are_among_them(folder: Path) -> None:
    data = Data(folder, one_positive=True)
    relevant = set(data.test.doc_id[data.test.relevance > 0])
    found = data.searched(7)
    assert relevant <= set(found) and len(found) == len(set(found)) == len(relevant) + 7
    assert data.searched(None) == list(data.passages)
