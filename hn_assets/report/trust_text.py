"""How far the negatives of a dataset can be trusted, as text."""

import json
from textwrap import fill

from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.report.frontier import PICTURE_FILE
from hn_assets.store import DatasetStore
from hn_assets.store.layout import CALIBRATION, FALSE_NEGATIVE_AUDIT, FILES, LIKELY_MISSING_LABELS
from hn_assets.text import shorten

WIDTH = 96


def render_trust(store: DatasetStore, labels: int = 5) -> str:
    """The threshold and why, leak and hardness by method, and the likeliest missing labels.

    What was not materialized is left out.

    Raises:
        StoreError: a file is damaged.
    """
    parts = [_threshold(store), _audit(store), _missing(store, labels)]
    return "".join(f"\n{part}\n" for part in parts if part)


def _threshold(store: DatasetStore) -> str:
    stage = store.stage(CALIBRATION)
    if stage.manifest() is None:
        return ""
    found = Calibration.from_json(
        json.loads(stage.file(FILES[CALIBRATION]).read_text(encoding="utf-8"))
    )
    words = f"Threshold: {found.describe()}."
    if found.rate is not None:
        words += (
            f" Measured by hiding {found.hidden} known positives of {found.queries} queries: "
            f"{found.rate:.2%} ({found.rate_low:.2%} to {found.rate_high:.2%}), reckoned with "
            f"{found.unlabelled_per_positive:g} unlabelled answers for each labelled one."
        )
    return fill(words, WIDTH)


def _audit(store: DatasetStore) -> str:
    import pandas as pd

    stage = store.stage(FALSE_NEGATIVE_AUDIT)
    manifest = stage.manifest()
    if manifest is None:
        return ""
    methods = pd.read_parquet(stage.file(FILES[FALSE_NEGATIVE_AUDIT]))
    measured = methods[methods.negatives > 0]
    if not len(measured):
        return "Leak: nothing could be measured."
    width = max(map(len, measured.method))
    lines = [
        f"{'half of the positives hidden':<{width}}   leak %  mean score  queries with enough %"
    ]
    lines += [
        f"{row['method']:<{width}}  {100 * row['leak']:7.2f}  {row['mean_score']:10.3f}  "
        f"{100 * row['full']:21.0f}"
        for row in measured.to_dict("records")
    ]
    if PICTURE_FILE in manifest.files:
        lines.append(
            f"Leak against hardness, drawn: {stage.where(manifest.version)}/{PICTURE_FILE}"
        )
    return "\n".join(lines)


def _missing(store: DatasetStore, labels: int) -> str:
    import pandas as pd

    stage = store.stage(LIKELY_MISSING_LABELS)
    manifest = stage.manifest()
    if manifest is None:
        return ""
    found = pd.read_parquet(stage.file(FILES[LIKELY_MISSING_LABELS])).head(labels)
    if not len(found):
        return ""
    lines = ["Likely missing labels, the likeliest first:"]
    for row in found.to_dict("records"):
        passage = shorten(row["passage"], WIDTH - 12 - len(row["doc_id"]))
        lines += [
            f"  {row['relevance_estimate']:.3f}  {shorten(row['query'], WIDTH - 9)}",
            f"         [{row['doc_id']}] {passage}",
        ]
    csv = FILES[LIKELY_MISSING_LABELS].replace(".parquet", ".csv")
    lines.append(f"All of them, to fill in: {stage.where(manifest.version)}/{csv}")
    return "\n".join(lines)
