"""Positives that were replaced by low-ranked documents are found among the others."""

import numpy as np
import pandas as pd
import pytest

from hn_assets import mine_hard_negatives
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.review.suspects.features import FEATURES
from hn_assets.review.suspects.find_suspects import find_suspects
from hn_assets.review.suspects.model import judge_positives
from hn_assets.review.suspects.with_teacher import add_teacher
from hn_assets.settings.search import SearchSettings
from hn_assets_tests.assets.partly_labelled import THINGS, relevant, write_partly_labelled
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.small_models import make_bag_of_words_model

WRONG = 8
NONE_OF = ("num_positives", "num_random_documents", "num_repeats")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> MiningFiles:
    """40 queries with four positives, eight of which are of another thing."""
    folder = tmp_path_factory.mktemp("suspects")
    (folder / "raw").mkdir()
    write_partly_labelled(folder / "raw")
    encoding = {
        "model": str(make_bag_of_words_model(folder / "model")),
        "pooling": "mean",
        "normalize": False,
    }
    mined = mine_hard_negatives(
        folder / "raw",
        settings={
            "encoding": encoding,
            "mining": {"num_negatives": 5, "evaluation_split": "", "range_min": 0},
        },
        folder=folder,
    )
    assert mined.folder is not None
    stages = mined.folder
    qrels = pd.read_parquet(stages / "qrels/latest/qrels.parquet")
    rng = np.random.default_rng(0)
    for place in rng.choice(len(qrels), WRONG, replace=False):
        thing = THINGS[(THINGS.index(qrels.query_id[place][2:]) + 7) % len(THINGS)]
        qrels.loc[place, "doc_id"] = f"{thing}-{place % 6}"
    # a positive that the corpus lacks is passed over
    unknown = qrels[:1].assign(doc_id="nowhere")
    pd.concat([qrels, unknown]).to_parquet(folder / "qrels.parquet")
    return MiningFiles(
        corpus=stages / "corpus/latest/corpus.parquet",
        queries=stages / "queries/latest/queries.parquet",
        qrels=folder / "qrels.parquet",
        corpus_embeddings=stages / "corpus_embeddings/latest/vectors.arrow",
        query_embeddings=stages / "query_embeddings/latest/vectors.arrow",
        faiss_index=stages / "faiss_index/latest/index.faiss",
        faiss_index_ids=stages / "faiss_index/latest/ids.parquet",
        candidates=stages / "candidates/latest/candidates.parquet",
    )


def test_wrong_positives_come_first(files: MiningFiles) -> None:
    found = find_suspects(files, SearchSettings(), "train", 42)
    assert found is not None
    assert len(found) == 160
    assert found.suspicion.is_monotonic_decreasing
    assert found.suspicion.between(0, 1).all()
    first = found.head(WRONG)
    wrong = [not relevant(q, d) for q, d in zip(first.query_id, first.doc_id, strict=True)]
    assert sum(wrong) >= WRONG - 1
    assert (found["rank"].dropna() >= 0).all()


def test_another_split_has_no_positives(files: MiningFiles) -> None:
    assert find_suspects(files, SearchSettings(), "test", 42) is None


def test_a_query_is_judged_by_a_model_that_has_not_seen_it() -> None:
    """One that looks like the others is suspicious although its label says positive."""
    rng = np.random.default_rng(0)
    positives = rng.normal(size=(200, len(FEATURES)))
    others = rng.normal(size=(400, len(FEATURES)))
    positives[:, 0] += 3
    positives[17, 0] = 0
    queries = np.arange(200) // 2
    found = judge_positives(positives, others, queries, np.arange(400) % 100, 1)
    assert found is not None
    assert found.argmax() in np.flatnonzero(positives[:, 0] < 1.5)
    assert found[17] > 0.4
    assert np.median(found) < 0.4


def test_too_few_positives_teach_nothing() -> None:
    features = np.zeros((60, len(FEATURES)))
    assert judge_positives(features[:40], features, np.arange(40), np.arange(60), 1) is None
    assert judge_positives(features, features, np.arange(60) % 10, np.arange(60), 1) is None


def test_of_a_small_dataset_no_positive_is_suspected_or_left_out(tmp_path) -> None:
    (tmp_path / "raw").mkdir()
    animals(tmp_path / "raw")
    encoding = {
        "model": str(make_bag_of_words_model(tmp_path / "model")),
        "pooling": "mean",
        "normalize": False,
    }
    mined = mine_hard_negatives(
        tmp_path / "raw",
        settings={
            "encoding": encoding,
            "mining": {"num_negatives": 3, "range_min": 0},
            "suspect_positives": {"leave_out_share": 0.5},
            "review": dict.fromkeys(NONE_OF, 0),
        },
        folder=tmp_path,
        export=True,
    )
    # nor does a review have to mix anything in
    assert mined.report["review_sample"]["dagster/row_count"] == 54
    assert "too few" in mined.report["suspect_positives"]["judged"]
    assert mined.report["training_set"]["suspect_positives_left_out"] == 0
    assert mined.report["training_set"]["positives"] == 18


def test_a_low_score_of_the_teacher_makes_a_positive_more_suspicious(files: MiningFiles) -> None:
    found = find_suspects(files, SearchSettings(), "train", 42)
    assert found is not None
    pairs = list(zip(found.query_id, found.doc_id, strict=True))
    # one in the middle of the list, which the teacher does not believe
    doubted = len(found) // 2
    scores = [-5.0 if place == doubted else 3.0 for place in range(len(found))]
    ordered = add_teacher(found, scores)
    assert ordered.suspicion.is_monotonic_decreasing and ordered.suspicion.between(0, 1).all()
    again = list(zip(ordered.query_id, ordered.doc_id, strict=True))
    assert again.index(pairs[doubted]) < doubted // 2
    assert ordered.teacher_score[again.index(pairs[doubted])] == -5
    # the others keep the order of the model
    assert [pair for pair in again if pair != pairs[doubted]] == [
        pair for pair in pairs if pair != pairs[doubted]
    ]
    # what finds all wrong positives is first by both
    wrong = [not relevant(q, d) for q, d in pairs]
    sure = add_teacher(found, [-5.0 if bad else 3.0 for bad in wrong]).head(WRONG)
    assert not any(relevant(q, d) for q, d in zip(sure.query_id, sure.doc_id, strict=True))


def test_without_a_score_the_model_alone_decides(files: MiningFiles) -> None:
    found = find_suspects(files, SearchSettings(), "train", 42)
    assert found is not None
    nothing = add_teacher(found, [None] * len(found))
    assert nothing.suspicion.tolist() == found.suspicion.tolist()
    assert nothing.teacher_score.isna().all()
    # the first has no score, and stays among the first
    some = add_teacher(found, [None, *[1.0] * (len(found) - 1)])
    assert (some.query_id[0], some.doc_id[0]) == (found.query_id[0], found.doc_id[0])
