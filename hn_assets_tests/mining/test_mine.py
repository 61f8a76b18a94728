"""What is chosen, what never is, and what is said of it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.errors import MiningError, StoreError
from hn_assets.mining.exclusion import Texts
from hn_assets.mining.mine import Miner, MiningReport
from hn_assets.mining.sampling import random_keys
from hn_assets.mining.settings import MiningSettings
from hn_assets.mining.texts import number_texts
from hn_assets.tables import read_query_blocks


class Toy:
    """Ten documents d0..d9 ranked in that order for each query; every text its own."""

    def __init__(self, queries: int = 1, depth: int = 10) -> None:
        self.queries = pd.DataFrame({"id": [f"q{i}" for i in range(queries)], "split": "train"})
        self.texts = Texts(
            pd.Series({f"d{i}": 1000 + i for i in range(depth)}),
            pd.Series({f"q{i}": 10 + i for i in range(queries)}),
            empty=0,
        )
        self.candidates = pd.DataFrame(
            [
                {"query_id": q, "doc_id": f"d{i}", "rank": i, "score": np.float32(1 - i / 100)}
                for q in self.queries.id
                for i in range(depth)
            ]
        )
        self.qrels = pd.DataFrame(
            [{"query_id": q, "doc_id": "d2", "score": 1, "split": "train"} for q in self.queries.id]
        )

    def mine(self, **options: object) -> tuple[dict[str, list[str]], MiningReport]:
        settings = MiningSettings.model_validate({"sampling": "top", **options})
        miner = Miner(self.qrels, self.queries, self.texts, settings)
        blocks = [block for _, block in self.candidates.groupby("query_id", sort=False)]
        chosen = pd.concat([miner.mine(block) for block in blocks])
        report = miner.report()
        groups = chosen.groupby("query_id").doc_id
        return {str(query): list(docs) for query, docs in groups}, report


def test_the_window_counts_what_is_left_without_positives() -> None:
    chosen, _ = Toy().mine(range=[1, 4], negatives=3)
    assert chosen == {"q0": ["d1", "d3", "d4"]}


def test_the_window_cut_first_leaves_a_gap_where_a_positive_is() -> None:
    chosen, report = Toy().mine(range=[1, 4], negatives=3, window="before_positives")
    assert chosen == {"q0": ["d1", "d3"]}
    assert (report.enough, report.too_few, report.none) == (0, 1, 0)


def test_what_is_never_a_negative() -> None:
    toy = Toy(queries=2)
    toy.texts.documents["d0"] = 10  # the text of the query q0
    toy.texts.documents["d1"] = 1002  # the text of the positive d2
    toy.texts.documents["d4"] = 0  # empty
    toy.texts.documents["d6"] = 1005  # d5 again
    chosen, report = toy.mine(range=[0, 10], negatives=10)
    assert chosen["q0"] == ["d3", "d5", "d7", "d8", "d9"]
    assert chosen["q1"] == ["d0", "d3", "d5", "d7", "d8", "d9"]
    assert report.excluded == {
        "positive": 2,
        "text of a positive": 2,
        "text of the query": 1,
        "empty": 2,
        "repeated text": 2,
    }


def test_queries_of_equal_text_share_their_positives() -> None:
    toy = Toy(queries=2)
    toy.texts.queries["q1"] = 10
    toy.qrels.loc[1, "doc_id"] = "d5"
    chosen, _ = toy.mine(range=[0, 10], negatives=10)
    assert "d5" not in chosen["q0"]
    assert "d2" not in chosen["q1"]


def test_a_document_judged_not_relevant_may_be_a_negative() -> None:
    toy = Toy()
    toy.qrels.loc[1] = ["q0", "d0", 0, "train"]
    chosen, _ = toy.mine(range=[0, 2], negatives=2)
    assert chosen == {"q0": ["d0", "d1"]}


def test_only_the_mined_split_is_mined() -> None:
    toy = Toy(queries=2)
    toy.queries.loc[1, "split"] = toy.qrels.loc[1, "split"] = "test"
    chosen, report = toy.mine(range=[0, 3], negatives=3)
    assert list(chosen) == ["q0"]
    assert report.queries == 1


def test_a_query_without_positives_is_counted_and_not_mined() -> None:
    toy = Toy(queries=3)
    toy.qrels = toy.qrels.drop(index=1)
    chosen, report = toy.mine(range=[0, 3], negatives=3)
    assert list(chosen) == ["q0", "q2"]
    assert (report.queries, report.without_positives) == (2, 1)


def test_no_query_with_positives_is_an_error() -> None:
    toy = Toy()
    toy.qrels["score"] = 0
    with pytest.raises(MiningError, match=r"no query of the split 'train' has a positive"):
        toy.mine()


@pytest.mark.parametrize(("policy", "left"), [("keep", ["q0", "q1"]), ("drop", ["q1"])])
def test_a_shortage_is_reported_and_never_padded(policy: str, left: list[str]) -> None:
    toy = Toy(queries=2)
    toy.candidates = toy.candidates.drop(index=range(4, 10))
    chosen, report = toy.mine(range=[0, 10], negatives=5, on_shortage=policy)
    assert list(chosen) == left
    assert all(len(docs) == (3 if q == "q0" else 5) for q, docs in chosen.items())
    assert (report.enough, report.too_few, report.none) == (1, 1, 0)
    assert report.short_queries == ["q0"]
    assert report.dropped == (policy == "drop")


def test_a_shortage_can_fail_the_run() -> None:
    with pytest.raises(MiningError, match=r"1 of 1 queries have fewer than 15 negatives \('q0'\)"):
        Toy().mine(range=[0, 10], on_shortage="error")


def test_a_range_beyond_the_ranking_is_an_error_that_says_how_deep_it_is() -> None:
    with pytest.raises(MiningError, match=r"range \[50, 60\].*rankings are 10 deep"):
        Toy().mine(range=[50, 60])


@pytest.mark.parametrize("bad", [[10, 10], [20, 10], [-1, 5]])
def test_a_range_upside_down_is_refused(bad: list[int]) -> None:
    with pytest.raises(ValueError, match=r"mining.range \[.*\] is empty"):
        MiningSettings.model_validate({"range": bad})


def test_mining_the_evaluation_split_is_refused() -> None:
    with pytest.raises(ValueError, match="would train on the answers"):
        MiningSettings(split="test")


@settings(max_examples=30, deadline=None)
@given(order=st.randoms(use_true_random=False), seed=st.integers(0, 2**64))
def test_the_random_choice_does_not_depend_on_any_order(order, seed: int) -> None:
    toy, shuffled = Toy(queries=3, depth=40), Toy(queries=3, depth=40)
    queries = list(shuffled.queries.index)
    order.shuffle(queries)
    shuffled.queries = shuffled.queries.loc[queries]
    shuffled.candidates = pd.concat(
        [shuffled.candidates[shuffled.candidates.query_id == f"q{i}"] for i in queries]
    )
    shuffled.qrels = shuffled.qrels.sample(frac=1, random_state=seed % 2**32)
    options = {"range": [5, 35], "negatives": 7, "sampling": "random", "seed": seed}
    assert toy.mine(**options)[0] == shuffled.mine(**options)[0]


def test_the_random_choice_moves_with_the_seed_and_is_uniform() -> None:
    toy = Toy(queries=400, depth=30)
    options = {"range": [0, 20], "negatives": 5, "sampling": "random"}
    first, _ = toy.mine(**options, seed=1)
    second, _ = toy.mine(**options, seed=2)
    assert first != second
    times = pd.Series([doc for docs in first.values() for doc in docs]).value_counts()
    assert len(times) == 20
    # 400 queries x 5 of 20: 100 each, standard deviation 8.7
    assert times.between(60, 140).all()


def test_other_candidates_do_not_move_the_choice_between_two() -> None:
    pair = pd.Series(["q", "q"]), pd.Series(["a", "b"])
    more = pd.Series(["q", "p", "q"]), pd.Series(["b", "z", "a"])
    assert random_keys(*pair, seed=3).tolist() == random_keys(*more, seed=3)[[2, 0]].tolist()


def test_the_choice_is_the_same_in_another_process() -> None:
    code = (
        "import pandas as pd; from hn_assets.mining.sampling import random_keys; "
        "print(random_keys(pd.Series(['q1','q2']), pd.Series(['7','007']), 42).tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1")
    }
    assert len(outputs) == 1


def test_texts_are_equal_however_they_are_spaced_and_cased(tmp_path: Path) -> None:
    corpus, queries = tmp_path / "corpus.parquet", tmp_path / "queries.parquet"
    rows = [("a", "", "Heart  attack"), ("b", "Heart", "attack "), ("c", "", " "), ("d", "", "x")]
    pq.write_table(
        pa.table(dict(zip(["id", "title", "text"], zip(*rows, strict=True), strict=True))), corpus
    )
    pq.write_table(pa.table({"id": ["q"], "text": ["heart\nATTACK"]}), queries)
    texts = number_texts(corpus, queries, with_title=True)
    assert texts.documents["a"] == texts.documents["b"] == texts.queries["q"]
    assert texts.documents["c"] == texts.empty
    without = number_texts(corpus, queries, with_title=False)
    assert without.documents["a"] != without.documents["b"]


def test_a_ranked_document_that_left_the_corpus_is_an_error() -> None:
    toy = Toy()
    toy.texts = Texts(toy.texts.documents.drop("d4"), toy.texts.queries, empty=0)
    with pytest.raises(StoreError, match="document 'd4' and 0 more"):
        toy.mine(range=[0, 3])


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_candidates_are_read_in_blocks_that_cut_no_query(tmp_path: Path, rows: int) -> None:
    frame = Toy(queries=6, depth=5).candidates
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "c.parquet")
    blocks = list(read_query_blocks(tmp_path / "c.parquet", rows))
    assert pd.concat(blocks, ignore_index=True).equals(frame)
    assert len(blocks) == (2 if rows == 1000 else {1: 6, 3: 6, 7: 5}[rows])
    seen = [set(block.query_id) for block in blocks]
    assert sum(len(ids) for ids in seen) == 6
