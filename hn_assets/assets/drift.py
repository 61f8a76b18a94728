"""drift: what changed since the last run that no check stopped."""

import json
from dataclasses import asdict

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import StoreError
from hn_assets.evaluation.drift import Drift, Snapshot, compare
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_run import StageRun
from hn_assets.store import Draft, layout


def make(run: StageRun, draft: Draft) -> Metadata:
    """Compare the negatives and the documents with those of the last good run."""
    vectors = VectorTable(run.input(layout.CORPUS_EMBEDDINGS))
    now = Snapshot.take(run.input(layout.HARD_NEGATIVES), vectors.ids, vectors.text_keys())
    before = _read_before(run)
    found = None if before is None else compare(before, now)
    now.write(
        draft.path(layout.DRIFT_NEGATIVES.name),
        draft.path(layout.DRIFT_DOCUMENTS.name),
    )
    text = json.dumps(None if found is None else asdict(found), indent=1) + "\n"
    draft.path(layout.DRIFT.name).write_text(text, encoding="utf-8")
    return _describe(found)


def _read_before(run: StageRun) -> Snapshot | None:
    try:
        if run.place.manifest() is None:
            return None
        negatives, documents = layout.DRIFT_NEGATIVES.name, layout.DRIFT_DOCUMENTS.name
        return Snapshot.read(run.place.file(negatives), run.place.file(documents))
    except StoreError as error:
        run.log.warning(f"{error}: there is nothing to compare with")
        return None


def _describe(found: Drift | None) -> Metadata:
    if found is None:
        return {"compared_with": "nothing: this is the first good run"}
    return {
        "compared_with": "the last good run",
        **{
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in asdict(found).items()
        },
    }


STAGE = Stage(
    writes=(layout.DRIFT, layout.DRIFT_NEGATIVES, layout.DRIFT_DOCUMENTS),
    description="Documents, queries, negatives and scores beside those of the last good run.",
    make=make,
    version=1,
    reads=(layout.HARD_NEGATIVES, layout.CORPUS_EMBEDDINGS),
    # a run that a check stops is nothing to compare the next one with
    after=(layout.FALSE_NEGATIVE_AUDIT, layout.RETRIEVAL_QUALITY),
    kinds=lambda settings: {"pandas", "json"},
)
