"""hub_commits: the training files and the promoted model on the Hugging Face hub."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hn_assets.errors import StoreError
from hn_assets.evaluation.checks.run_checks import refuse_failures
from hn_assets.export.formats import FORMATS
from hn_assets.pipeline.hub_provenance import model_provenance, provenance
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.promotion import published_model, read_lineage
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.publishing.cards import CARD, dataset_card, model_card
from hn_assets.publishing.push import Pushed, Repository, push
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.hub import HubPushSettings
from hn_assets.store import Draft, layout


def settings(settings: DatasetSettings) -> Resolved:
    """Where to push to, and what the cards say of the settings."""
    hub = hub_settings(settings)
    return {
        "hub": hub.model_dump(mode="json", exclude={"private", "overwrite"}),
        "source": settings.source.type,
        "model": settings.encoding.model,
    }


def hub_settings(settings: DatasetSettings) -> HubPushSettings:
    """The section `hub`, which every dataset with this stage has."""
    assert settings.hub is not None, "only datasets with the section hub have this stage"
    return settings.hub


def make(context: StageContext, draft: Draft) -> Metadata:
    """Push what differs from what lies on the hub.

    Raises:
        CheckFailedError: A check of the training set has failed, and nobody has accepted that.
        HubPushError: The hub refuses, or a file there was changed by somebody else.
        HubPushUnavailableError: The hub cannot be reached, or somebody pushed at the same time.
    """
    refuse_failures(context.dataset.store, context.settings, context.dataset.accepted)
    hub = hub_settings(context.settings)
    last = _last_pushes(context)
    found: dict[str, Pushed] = {}
    if hub.dataset_repo:
        files = _training_files(context)
        card = dataset_card(hub.dataset_repo, provenance(context), sorted(files), _columns())
        repository = Repository(hub.dataset_repo, "dataset", hub.private, hub.overwrite)
        found["dataset"] = _push(context, repository, files, card, last)
    model = published_model(context.dataset.store, layout.PROMOTED_MODEL.stage)
    if hub.model_repo and model is not None:
        lineage = read_lineage(context.dataset.store)
        assert lineage is not None, "a promoted model has a lineage"
        card = model_card(model_provenance(context, lineage), provenance(context), hub.dataset_repo)
        paths = {p.relative_to(model).as_posix(): p for p in model.rglob("*") if p.is_file()}
        repository = Repository(hub.model_repo, "model", hub.private, hub.overwrite)
        found["model"] = _push(context, repository, paths, card, last)
    kept = {
        kind: {"repository": _name(hub, kind), "commit": pushed.commit, "files": pushed.digests}
        for kind, pushed in found.items()
    }
    draft.path(layout.HUB_COMMITS.name).write_text(
        json.dumps(kept, indent=1) + "\n", encoding="utf-8"
    )
    described: dict[str, Any] = {}
    for kind, pushed in found.items():
        described |= {
            kind: pushed.url,
            f"{kind}_commit": pushed.commit,
            f"{kind}_files_pushed": len(pushed.written),
            f"{kind}_files_removed": len(pushed.removed),
        }
    if hub.model_repo and model is None:
        described["model"] = "none was promoted yet: none is pushed"
    return described


def _name(hub: HubPushSettings, kind: str) -> str:
    return hub.dataset_repo if kind == "dataset" else hub.model_repo


def _push(
    context: StageContext,
    repository: Repository,
    files: Mapping[str, Path],
    card: str,
    last: Mapping[str, Any],
) -> Pushed:
    before = last.get(repository.kind, {})
    known = before.get("files", {}) if before.get("repository") == repository.name else {}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / CARD
        path.write_text(card, encoding="utf-8")
        pushed = push(
            repository,
            {**files, CARD: path},
            known,
            f"{context.dataset.name}, by hn_assets",
        )
    context.log.info(
        f"{repository.name}: {len(pushed.written)} files pushed"
        if pushed.written or pushed.removed
        else f"{repository.name} has all of it already: nothing is pushed"
    )
    return pushed


def _training_files(context: StageContext) -> dict[str, Path]:
    place = context.dataset.store.stage(layout.TRAINING_SET.stage)
    names = context.manifest(layout.TRAINING_SET.stage).files
    return {name: place.file(name) for name in names}


def _columns() -> dict[str, str]:
    return {name: text for kind in FORMATS.values() for name, text in kind.files.items()}


def _last_pushes(context: StageContext) -> dict[str, Any]:
    """What the version before of this stage says of its pushes; nothing if there is none."""
    try:
        if context.place.manifest() is None:
            return {}
        path = context.place.file(layout.HUB_COMMITS.name)
        return json.loads(path.read_text(encoding="utf-8"))
    except (StoreError, ValueError) as error:
        context.log.warning(f"{error}: what was pushed before is not known")
        return {}


STAGE = Stage(
    writes=(layout.HUB_COMMITS,),
    description="The commits of the Hugging Face hub with the training files and the model.",
    make=make,
    version=1,
    reads=(
        layout.CORPUS,
        layout.QUERIES,
        layout.QRELS,
        layout.CORPUS_EMBEDDINGS,
        layout.CALIBRATION,
        layout.FALSE_NEGATIVE_AUDIT,
        layout.REVIEW_RESULT,
        layout.HARD_NEGATIVES,
        layout.TRAINING_SET,
        layout.PROMOTED_MODEL,
    ),
    settings=settings,
    is_part_of=lambda settings: settings.hub is not None,
    kinds=lambda settings: {"huggingface"},
)
