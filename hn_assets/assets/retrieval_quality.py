"""retrieval_quality: how well the rankings answer the evaluation split, now and before."""

import json
from typing import Any

from hn_assets.errors import StoreError
from hn_assets.evaluation.retrieval_quality import (
    HISTORY,
    MEASURES,
    extend_history,
    measure_quality,
)
from hn_assets.pipeline.metadata import Metadata, table
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_run import StageRun
from hn_assets.store import Draft, layout


def make(run: StageRun, draft: Draft) -> Metadata:
    """Measure the rankings of the evaluation split, and add them to the history."""
    import pandas as pd

    split = run.settings.mining.evaluation_split
    depth = int(run.info(layout.CANDIDATES.stage)["depth"])
    qrels = pd.read_parquet(run.input(layout.QRELS))
    found, queries = measure_quality(run.input(layout.CANDIDATES), qrels, split, depth)
    measured = {"queries": queries, "depth": depth, **found}
    text = json.dumps(measured, indent=1) + "\n"
    draft.path(layout.RETRIEVAL_QUALITY.name).write_text(text, encoding="utf-8")
    # the history is not in the file: equal quality is then an equal version
    history = _read_history(run)
    draft.info[HISTORY] = extend_history(history, measured)
    return _describe(measured, history, split)


def _read_history(run: StageRun) -> list[dict[str, Any]]:
    """What earlier runs measured, the latest last; nothing if it is damaged."""
    try:
        manifest = run.place.manifest()
        return [] if manifest is None else list(manifest.info[HISTORY])
    except StoreError as error:
        run.log.warning(f"{error}: the history of the quality begins anew")
        return []


def _describe(measured: dict[str, Any], history: list[dict[str, Any]], split: str) -> Metadata:
    if not measured["queries"]:
        why = f"the split {split!r} has no query with a positive" if split else "there is no split"
        return {"queries": 0, "not_measured": f"{why}: mining.evaluation_split names it"}
    before = next((past for past in reversed(history) if past["queries"]), None)
    rows: list[dict[str, Any]] = []
    for name in MEASURES:
        cells = {"measure": name, "now": round(measured[name], 4)}
        if before is not None:
            cells |= {
                "before": round(before[name], 4),
                "change": round(measured[name] - before[name], 4),
            }
        rows.append(cells)
    return {
        "queries": measured["queries"],
        "split": split,
        "compared": table(rows),
        "measured_before": "never" if before is None else before["time"],
        # numbers, which the user interface charts over all materializations
        **{name: round(measured[name], 5) for name in MEASURES},
    }


STAGE = Stage(
    writes=(layout.RETRIEVAL_QUALITY,),
    description=(
        "nDCG@10, recall, MRR@10 and MAP on the evaluation split, beside those of earlier runs."
    ),
    make=make,
    version=1,
    reads=(layout.CANDIDATES, layout.QRELS),
    settings=lambda settings: {"split": settings.mining.evaluation_split},
    kinds=lambda settings: {"json"},
)
