"""What a terminal shows of a dataset."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.errors import StoreError
from hn_assets.report.show import WIDTH, render_dataset
from hn_assets.store import DatasetStore, layout, schemas
from hn_assets_tests.mining.calibration_by_score import calibration_by_score
from hn_assets_tests.report.refresh_files import (
    publish,
    publish_audit,
    publish_calibration,
    publish_dataset,
    publish_missing_labels,
)


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return publish_dataset(tmp_path)


def test_the_training_files_and_some_examples(store: DatasetStore) -> None:
    shown = render_dataset(store, examples=2)
    assert f"  {store.file(layout.TRAINING_SET)}  (3 bytes)" in shown
    assert shown.count("query     what is <") == 2
    assert "negative  0.500  the passage 25" in shown


def test_what_was_not_materialized_is_left_out(store: DatasetStore) -> None:
    shown = render_dataset(store, examples=0)
    assert "rate" not in shown
    assert "Threshold" not in shown
    assert "missing labels" not in shown


def test_the_rate_of_each_method_and_the_picture(store: DatasetStore, tmp_path: Path) -> None:
    publish_audit(store, tmp_path)
    shown = render_dataset(store, examples=1)
    (own,) = (line for line in shown.splitlines() if line.startswith("these settings"))
    assert own.startswith("these settings (hardness 1, 20 % random documents)")
    assert own.split()[-3:] == ["0.80", "0.450", "98"]
    assert "nobody's method" not in shown
    assert f"As a picture: {store.file(layout.AUDIT_CHART)}" in shown


def test_an_audit_that_measured_nothing(store: DatasetStore, tmp_path: Path) -> None:
    publish_audit(store, tmp_path, measured=False)
    assert "False-negative rate: nothing could be measured." in render_dataset(store, examples=1)


def test_an_estimated_rate_is_called_one(store: DatasetStore) -> None:
    found = calibration_by_score(0.5).model_copy(update={"hidden": 0, "queries_with_two": 0})
    publish_calibration(store, found.model_dump(mode="json"))
    shown = " ".join(render_dataset(store, examples=1).split())
    assert "under 0.1: 5.00 % (0.00 to 10.00, estimated on 600 negatives)." in shown
    assert "No query has two known positives" in shown
    assert "measured" not in shown.partition("Threshold:")[2].partition("collections")[0]


def test_the_likeliest_missing_labels_each_on_lines_that_fit(
    store: DatasetStore, tmp_path: Path
) -> None:
    publish_missing_labels(store, tmp_path)
    shown = render_dataset(store, examples=1, missing_labels=2)
    listed = shown.partition("Likely missing labels, the likeliest first:\n")[2].splitlines()
    assert listed[0] == "  0.900  the query 0"
    assert listed[1].startswith("         [d0] a long passage")
    assert len(listed) == 5
    assert max(map(len, listed[:4])) <= WIDTH
    assert listed[4].endswith(f"/{layout.LIKELY_MISSING_LABELS_CSV.name}")


def test_a_dataset_without_a_training_set_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="toy/training_set has not been materialized"):
        render_dataset(DatasetStore(tmp_path, "toy"), examples=1)


def test_texts_and_ids_send_nothing_to_the_terminal(store: DatasetStore, tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202epassage"
    table = pd.read_parquet(store.file(layout.CORPUS)).assign(title=hostile, text=hostile)
    table.to_parquet(tmp_path / "corpus.parquet")
    publish(store, layout.CORPUS, (tmp_path / "corpus.parquet").read_bytes())
    row = {"query_id": "q", "doc_id": f"{hostile}\n  0.999  forged", "relevance_estimate": 0.9}
    row |= {"query": hostile, "passage": hostile, "rank": 0}
    pq.write_table(pa.Table.from_pylist([row], schemas.LIKELY_MISSING), tmp_path / "m.parquet")
    publish(store, layout.LIKELY_MISSING_LABELS, (tmp_path / "m.parquet").read_bytes())
    shown = render_dataset(store, examples=2)
    assert shown.count("owned") > 2
    assert not set("\x1b\x07\u202e") & set(shown)
    assert not any(line.startswith("  0.999") for line in shown.splitlines())
