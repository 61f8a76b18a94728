"""Mining without Dagster gives what the graph gives."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from hn_assets import mine_hard_negatives
from hn_assets.errors import SettingsError, SourceError
from hn_assets_tests.assets.animals_dataset import SMALL, AnimalsDataset


def settings(**sections: dict) -> dict:
    return {**{k: v for k, v in SMALL.items() if k != "job"}, **sections}


def read_tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Corpus, queries and qrels of a BEIR folder as pandas tables."""
    qrels = [
        pd.read_csv(path, sep="\t", dtype={"query-id": str, "corpus-id": str}).assign(
            split=path.stem
        )
        for path in sorted((folder / "qrels").glob("*.tsv"))
    ]
    return (
        pd.read_json(folder / "corpus.jsonl", lines=True, dtype={"_id": str}),
        pd.read_json(folder / "queries.jsonl", lines=True, dtype={"_id": str}),
        pd.concat(qrels, ignore_index=True),
    )


def in_order_of_ids(ledger: pd.DataFrame) -> pd.DataFrame:
    """The ledger with its rows in an order that does not depend on that of the source."""
    texts = ledger.select_dtypes("category").columns
    plain = ledger.astype(dict.fromkeys(texts, str))
    return plain.sort_values(["query_id", "doc_id"], ignore_index=True)


def test_a_folder_and_its_tables_give_what_the_graph_gives(tmp_path: Path, model: Path) -> None:
    encoding = {"model": str(model), "pooling": "mean"}
    graph = AnimalsDataset(tmp_path, encoding=encoding)
    graph.materialize()
    sections = settings(encoding=encoding)
    from_folder = mine_hard_negatives(tmp_path / "raw", settings=sections)
    from_tables = mine_hard_negatives(*read_tables(tmp_path / "raw"), sections)
    for mined in (from_folder, from_tables):
        pd.testing.assert_frame_equal(mined.negatives, graph.negatives())
        ledger = pd.read_parquet(graph.file("hard_negatives", "ledger.parquet"))
        pd.testing.assert_frame_equal(in_order_of_ids(mined.ledger), in_order_of_ids(ledger))
        assert mined.report["hard_negatives"]["queries"] == 18
        assert all(result.passed for result in mined.checks.values())


def test_a_folder_of_ones_own_keeps_what_was_encoded(tmp_path: Path, model: Path) -> None:
    AnimalsDataset(tmp_path)
    sections = settings(encoding={"model": str(model), "pooling": "mean"})
    corpus, queries, qrels = read_tables(tmp_path / "raw")
    first = mine_hard_negatives(
        corpus, queries, qrels, sections, folder=tmp_path / "kept", export=True
    )
    assert first.folder == tmp_path / "kept" / "mined"
    assert first.folder is not None
    assert (first.folder / "training_set/latest/flagembedding.jsonl").is_file()
    assert (first.folder / "report/latest/report.html").is_file()
    again = mine_hard_negatives(
        corpus.sample(frac=1, random_state=0), queries, qrels, sections, folder=tmp_path / "kept"
    )
    assert again.report["corpus_embeddings"]["unchanged"]
    pd.testing.assert_frame_equal(again.negatives, first.negatives)


def test_vectors_in_float16_are_mined_and_leave_those_in_float32_alone(
    tmp_path: Path, model: Path
) -> None:
    AnimalsDataset(tmp_path)
    encoding = {"model": str(model), "pooling": "mean"}
    made = {}
    for precision in ("float32", "float16", "float32"):
        sections = settings(encoding={**encoding, "stored_precision": precision})
        made[precision] = mine_hard_negatives(
            tmp_path / "raw", settings=sections, folder=tmp_path / "kept"
        ).report
    half, whole = made["float16"], made["float32"]
    assert half["corpus_embeddings"]["texts_encoded"] > 0
    assert whole["corpus_embeddings"]["texts_encoded"] == 0, "they were kept"
    assert half["candidates"]["scores_are"].endswith("stored in float16")
    assert half["candidates"]["index_recall_is"] == "exact by construction"
    assert half["faiss_index"]["type"] == "Flat in float16"
    assert half["faiss_index"]["index_bytes"] < 0.6 * whole["faiss_index"]["index_bytes"]


def test_what_is_wrong_is_said() -> None:
    documents = [{"id": "1", "text": "one"}]
    with pytest.raises(SettingsError, match="needs queries and qrels"):
        mine_hard_negatives(documents)
    with pytest.raises(SettingsError, match="one folder in BEIR layout or three tables"):
        mine_hard_negatives("folder", [{"id": "q", "text": "?"}], [])
    with pytest.raises(SourceError):
        mine_hard_negatives(documents, [{"id": "q", "text": "?"}], [])


def test_it_needs_no_dagster() -> None:
    code = (
        "import sys; sys.modules['dagster'] = None; import hn_assets.api; "
        "print([m for m in ('torch', 'faiss', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
