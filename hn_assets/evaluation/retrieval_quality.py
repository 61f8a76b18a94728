"""How well the rankings answer the queries of the evaluation split, now and before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.store import schemas
from hn_assets.store.read_of_queries import read_of_queries

if TYPE_CHECKING:
    import pandas as pd

# the names of the measures here and in `ir_measures`; `depth` is that of the rankings
MEASURES = {
    "ndcg_at_10": "nDCG@10",
    "recall_at_10": "R@10",
    "recall_at_100": "R@100",
    "recall_at_depth": "R@{depth}",
    "mrr_at_10": "RR@10",
    "map": "AP",
}
NDCG = "ndcg_at_10"
# the key of the measures of each of several retrievers, and what all of them together are called
RETRIEVERS, JOINED = "retrievers", "all, joined"
HISTORY = "history"  # the key of the history in the manifest of the stage
MAX_HISTORY = 200  # refreshes


def measure_quality(
    candidates: Path, qrels: pd.DataFrame, split: str, depth: int, rank: str = "rank"
) -> tuple[dict[str, float], int]:
    """Compute the mean measures over the queries of a split that have a positive.

    Args:
        candidates: A Parquet file with the columns of `schemas.CANDIDATES`.
        qrels: The judgements, with the columns query_id, doc_id, score and split. The score is the
            gain; a document with a score of 0 or less is not relevant.
        split: The split of the queries.
        depth: How many candidates a ranking has.
        rank: The column with the ranks; where it has none, a candidate is not of the ranking.

    Returns:
        The measures by the names of `MEASURES`, and the number of queries that they are averaged
        over. If no query of the split has a positive, there are no measures.
    """
    found = measure_each_query(candidates, qrels, split, depth, rank)
    if not len(found):
        return {}, 0
    return {name: float(found[name].mean()) for name in MEASURES}, len(found)


def measure_retrievers(
    candidates: Path, qrels: pd.DataFrame, split: str, depth: int
) -> dict[str, dict[str, float]]:
    """The same measures of each of several retrievers by itself, by its name.

    Args:
        candidates: A Parquet file with the columns of `schemas.joined_candidates`; with those of
            `schemas.CANDIDATES` there is nothing to tell apart, and no measure.
        qrels: As for `measure_quality`.
        split: As for `measure_quality`.
        depth: As for `measure_quality`.
    """
    columns = schemas.rank_columns(pq.read_schema(candidates).names)
    return {
        name: measure_quality(candidates, qrels, split, depth, column)[0]
        for name, column in columns.items()
    }


def measure_each_query(
    candidates: Path, qrels: pd.DataFrame, split: str, depth: int, rank: str = "rank"
) -> pd.DataFrame:
    """Compute the measures of each query of a split that has a positive.

    Args:
        candidates: As for `measure_quality`.
        qrels: As for `measure_quality`.
        split: The split of the queries.
        depth: How many candidates a ranking has.
        rank: As for `measure_quality`.

    Returns:
        A row for each query, in the order of their ids: query_id, and a column for each of
        `MEASURES`. A query without a ranking has zeros.
    """
    import ir_measures
    import pandas as pd

    judged = qrels[qrels.split == split]
    answered = sorted(judged[judged.score > 0].query_id.unique())
    if not answered:
        return pd.DataFrame({"query_id": [], **{name: [] for name in MEASURES}})
    judged = judged[judged.query_id.isin(answered)]
    table = read_of_queries(candidates, answered, ["query_id", "doc_id", rank])
    table = table.filter(pc.field(rank).is_valid())
    # the rank decides, so that equal scores stay in the order that the ranking gave them
    run = pd.DataFrame(
        {
            "query_id": table["query_id"].to_pylist(),
            "doc_id": table["doc_id"].to_pylist(),
            "score": -table[rank].to_numpy().astype(float),
        }
    )
    gains = pd.DataFrame(
        {
            "query_id": judged.query_id,
            "doc_id": judged.doc_id,
            "relevance": judged.score.clip(lower=0),
        }
    )
    measures = {
        ir_measures.parse_measure(text.format(depth=depth)): name for name, text in MEASURES.items()
    }
    values = pd.DataFrame(
        [
            (found.query_id, measures[found.measure], found.value)
            for found in ir_measures.iter_calc(list(measures), gains, run)
        ],
        columns=["query_id", "measure", "value"],
    )
    each = values.pivot_table(index="query_id", columns="measure", values="value")
    each = each.reindex(index=answered, columns=list(MEASURES), fill_value=0.0)
    return each.rename_axis(index="query_id", columns=None).reset_index()


def write_quality(path: Path, measured: Mapping[str, Any]) -> None:
    """Write a measurement (`queries`, `depth` and the measures by name) as JSON.

    The time is not part of it, so that equal quality gives an equal file.
    """
    path.write_text(json.dumps(dict(measured), indent=1) + "\n", encoding="utf-8")


def read_quality(path: Path) -> dict[str, Any]:
    """Read what `write_quality` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def append_measurement(
    history: Sequence[Mapping[str, Any]], measured: Mapping[str, Any], time: datetime
) -> list[dict[str, Any]]:
    """The history with another measurement at its end; only the last `MAX_HISTORY` are kept.

    Args:
        history: The earlier measurements, the latest last.
        measured: The measurement of this refresh.
        time: The time of this refresh, with its time zone.
    """
    row = {"time": time.isoformat(timespec="seconds"), **measured}
    return [*map(dict, history), row][-MAX_HISTORY:]


def compare_with_history(
    measured: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Each measure now and, if there was one, at the latest earlier measurement.

    Args:
        measured: The measurement of this refresh; it must be of at least one query.
        history: The earlier measurements, the latest last.

    Returns:
        A row for each measure: measure, now, and perhaps before and change.
    """
    before = _last_measured(history)
    rows: list[dict[str, Any]] = []
    for name in MEASURES:
        row = {"measure": name, "now": round(measured[name], 4)}
        if before is not None:
            row["before"] = round(before[name], 4)
            row["change"] = round(measured[name] - before[name], 4)
        rows.append(row)
    return rows


def describe_quality(
    measured: Mapping[str, Any], history: Sequence[Mapping[str, Any]], split: str
) -> dict[str, Any]:
    """A measurement as metadata of the stage; `compared` is a table, as a list of its rows.

    Args:
        measured: The measurement of this refresh; of several retrievers `RETRIEVERS` holds those
            of each.
        history: The earlier measurements, the latest last.
        split: The evaluation split.
    """
    if not measured["queries"]:
        why = f"the split {split!r} has no query with a positive" if split else "there is no split"
        return {"queries": 0, "not_measured": f"{why}: mining.evaluation_split names it"}
    before = _last_measured(history)
    return {
        "queries": measured["queries"],
        "split": split,
        "compared": compare_with_history(measured, history),
        "measured_before": "never" if before is None else before["time"],
        # as numbers, the measures are charted over all materializations by the UI
        **{name: round(measured[name], 5) for name in MEASURES},
        **_describe_retrievers(measured, before or {}),
    }


def _describe_retrievers(measured: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What each of several retrievers reaches by itself, beside their joined order."""
    found = measured.get(RETRIEVERS)
    if not found:
        return {}
    joined = {name: measured[name] for name in MEASURES}
    was = before.get(RETRIEVERS, {})
    rows: list[dict[str, Any]] = []
    for retriever, measures in {**found, JOINED: joined}.items():
        row: dict[str, Any] = {"retriever": retriever}
        row |= {name: round(value, 4) for name, value in measures.items()}
        earlier = before if retriever == JOINED else was.get(retriever, {})
        if NDCG in earlier:
            row["ndcg_at_10_before"] = round(earlier[NDCG], 4)
        rows.append(row)
    numbers = {f"{name}_{NDCG}": round(one[NDCG], 5) for name, one in found.items()}
    return {"by_retriever": rows, **numbers}


def _last_measured(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((row for row in reversed(history) if row["queries"]), None)
