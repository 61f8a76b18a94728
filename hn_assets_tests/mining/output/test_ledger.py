"""Every candidate is in the ledger once, with what became of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.mining.output.chosen_negatives import ChosenNegatives, number_negatives
from hn_assets.mining.output.ledger import to_ledger
from hn_assets.mining.output.ledger_check import check_ledger
from hn_assets.mining.rules.reasons import CHOSEN
from hn_assets.settings.filters import FiltersSettings
from hn_assets.store import schemas
from hn_assets_tests.mining.ranked_dataset import RankedDataset, write_candidates, write_ids

FILTERS = FiltersSettings(max_score=0.95, max_search_depth=30)
OPTIONS: dict[str, Any] = {"range_min": 1, "range_max": 5, "num_negatives": 3}


def write(
    dataset: RankedDataset, folder: Path, filters: FiltersSettings = FILTERS
) -> dict[str, Path]:
    files = {name: folder / f"{name}.parquet" for name in ("ledger", "negatives", "candidates")}
    write_candidates(dataset, files["candidates"])
    miner = dataset.miner(filters, **OPTIONS)
    mined = list(miner.mine(dataset.block()))
    indexed = dataset.indexed
    pq.write_table(pa.concat_tables([to_ledger(m, indexed) for m in mined]), files["ledger"])
    chosen = ChosenNegatives(map(number_negatives, mined), indexed, miner.positive_scores)
    chosen.write(files["negatives"])
    return {**files, **write_ids(dataset, folder)}


def test_each_candidate_is_there_once_with_its_reason(tmp_path: Path) -> None:
    dataset = RankedDataset(queries=2, documents=40, depth=8)
    files = write(dataset, tmp_path)
    ledger = pd.read_parquet(files["ledger"]).astype({"outcome": str, "query_id": str})
    assert len(ledger) == 2 * 30  # searched deeper: d0 to d5 score more than 0.95
    assert not ledger.duplicated(["query_id", "doc_id"]).any()
    first = ledger[ledger.query_id == "q0"].set_index("doc_id")
    assert first.outcome["d2"] == "positive"
    assert first.outcome["d4"] == "score above the maximum"
    assert first.value["d4"] == pytest.approx(0.96)
    assert first["limit"]["d4"] == pytest.approx(0.95)
    assert list(first.index[first.outcome == CHOSEN]) == ["d5", "d6", "d7"]
    assert first.outcome["d8"] == "others were taken"
    assert pd.isna(first.value["d8"])
    assert first.margin["d5"] == pytest.approx(-0.03, abs=1e-6)
    found = check_ledger(**files)
    assert (found.candidates, found.chosen, found.queries, found.problems) == (60, 6, 2, [])


def test_negatives_name_what_they_were_judged_against(tmp_path: Path) -> None:
    dataset = RankedDataset(documents=12, depth=12)
    dataset.judge("q0", "d3", 1)
    rows = pd.read_parquet(write(dataset, tmp_path)["negatives"])
    assert list(rows.columns) == schemas.HARD_NEGATIVES.names
    row = rows.iloc[0]
    assert (row.doc_id, row.source, row["rank"]) == ("d5", "dense", 5)
    assert row.positive_ids.tolist() == ["d2", "d3"]
    assert row.positive_scores.tolist() == pytest.approx([0.98, 0.97])
    assert row.margin == pytest.approx(0.95 - 0.97, abs=1e-6)
    assert row.positive_similarity == pytest.approx(
        np.cos(np.arccos(0.97) - np.arccos(0.95)), abs=1e-6
    )
    assert pd.isna(row.probability)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda rows: rows.iloc[1:], "1 candidates of mined queries are not in the ledger"),
        (lambda rows: pd.concat([rows, rows.iloc[:2]]), "2 candidates are in the ledger twice"),
        (
            lambda rows: rows.assign(outcome="others were taken"),
            "the ledger chose 0 candidates and hard_negatives has 1 rows",
        ),
    ],
)
def test_a_ledger_that_does_not_add_up_is_found(tmp_path: Path, damage, problem: str) -> None:
    files = write(RankedDataset(documents=12), tmp_path)
    rows = damage(pd.read_parquet(files["ledger"]))
    rows = rows.astype({"outcome": "category", "query_id": "category", "doc_id": "category"})
    table = pa.Table.from_pandas(rows, schema=schemas.LEDGER, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(None), files["ledger"])
    (found,) = check_ledger(**files).problems
    assert problem in found
