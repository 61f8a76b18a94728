"""What `hn-assets show` prints of a dataset."""

from itertools import islice
from textwrap import fill

from hn_assets.errors import StoreError
from hn_assets.export.base.examples import Examples
from hn_assets.export.writer import render
from hn_assets.mining.holdout.audit import describe_method
from hn_assets.mining.holdout.calibration_file import read_calibration
from hn_assets.mining.holdout.holdout import HIDDEN_SHARE
from hn_assets.review.review_result import ReviewResult
from hn_assets.store import DatasetStore, layout
from hn_assets.store.layout import StageFile
from hn_assets.text import printable, shorten

WIDTH = 96  # characters of a line


def render_dataset(store: DatasetStore, examples: int, missing_labels: int = 5) -> str:
    """The training files with some examples, and how many false negatives to expect in them.

    Stages other than the training set are left out if they were not materialized.

    Args:
        store: The store of the dataset.
        examples: How many queries to show, each with a positive and three negatives.
        missing_labels: How many likely missing labels to show.

    Raises:
        StoreError: The dataset has no training set, or a file is damaged.
    """
    parts = [
        _training_set(store, examples),
        _threshold(store),
        _audit(store),
        _review(store),
        _missing_labels(store, missing_labels),
    ]
    return printable("\n\n".join(part for part in parts if part))


def _training_set(store: DatasetStore, examples: int) -> str:
    stage = store.stage(layout.TRAINING_SET.stage)
    manifest = stage.require()
    lines = [f"Training files of {store.dataset}:"]
    for name, file in manifest.files.items():
        lines.append(f"  {stage.where(manifest)}/{name}  ({file['bytes']:,} bytes)")
    found = Examples(
        corpus=store.file(layout.CORPUS),
        queries=store.file(layout.QUERIES),
        qrels=store.file(layout.QRELS),
        hard_negatives=store.file(layout.HARD_NEGATIVES),
        split=manifest.info["split"],
        include_title=manifest.info["include_title"],
    )
    if not found:
        raise StoreError(f"the training set of {store.dataset} is empty")
    step = max(1, len(found) // max(examples, 1))
    for example in islice(found, 0, step * max(examples, 0), step):
        lines += ["", render(example)]
    return "\n".join(lines)


def _threshold(store: DatasetStore) -> str:
    if not _is_published(store, layout.CALIBRATION):
        return ""
    found = read_calibration(store.file(layout.CALIBRATION))
    if found is None:
        return ""
    sentence = f"Threshold: {found.describe()}. {found.basis()}"
    return fill(sentence, WIDTH)


def _audit(store: DatasetStore) -> str:
    import pandas as pd

    if not _is_published(store, layout.FALSE_NEGATIVE_AUDIT):
        return ""
    methods = pd.read_parquet(store.file(layout.FALSE_NEGATIVE_AUDIT))
    measured = methods[methods.negatives > 0]
    if not len(measured):
        return "False-negative rate: nothing could be measured."
    title = f"False negatives, with {HIDDEN_SHARE} of the positives hidden"
    rows = {describe_method(row): row for row in measured.to_dict("records")}
    width = max(len(title), *map(len, rows))
    lines = [f"{title:<{width}}   rate %  mean score  queries with enough %"]
    lines += [
        f"{name:<{width}}  {100 * row['rate']:7.2f}  {row['mean_score']:10.3f}  "
        f"{100 * row['full_query_share']:21.0f}"
        for name, row in rows.items()
    ]
    if _is_published(store, layout.AUDIT_CHART):
        lines.append(f"As a picture: {_location(store, layout.AUDIT_CHART)}")
    return "\n".join(lines)


def _review(store: DatasetStore) -> str:
    parts: list[str] = []
    if _is_published(store, layout.REVIEW_RESULT):
        found = ReviewResult.read(store.file(layout.REVIEW_RESULT)).describe()
        parts.append(fill(f"By people's verdicts: {found}.", WIDTH))
    if _is_published(store, layout.REVIEW_PAGE):
        parts.append(f"To judge: {_location(store, layout.REVIEW_PAGE)}")
    return "\n".join(parts)


def _missing_labels(store: DatasetStore, count: int) -> str:
    import pandas as pd

    if not _is_published(store, layout.LIKELY_MISSING_LABELS):
        return ""
    found = pd.read_parquet(store.file(layout.LIKELY_MISSING_LABELS)).head(count)
    if not len(found):
        return ""
    lines = ["Likely missing labels, the likeliest first:"]
    for row in found.to_dict("records"):
        document = shorten(row["doc_id"], WIDTH // 2)
        passage = shorten(row["passage"], WIDTH - 14 - len(document))
        lines += [
            f"  {row['relevance_estimate']:.3f}  {shorten(row['query'], WIDTH - 11)}",
            f"         [{document}] {passage}",
        ]
    lines.append(f"All of them, to fill in: {_location(store, layout.LIKELY_MISSING_LABELS_CSV)}")
    return "\n".join(lines)


def _is_published(store: DatasetStore, stage_file: StageFile) -> bool:
    manifest = store.stage(stage_file.stage).manifest()
    return manifest is not None and stage_file.name in manifest.files


def _location(store: DatasetStore, stage_file: StageFile) -> str:
    """The path or URL of a published file, to be shown to people."""
    stage = store.stage(stage_file.stage)
    return f"{stage.where(stage.require())}/{stage_file.name}"
