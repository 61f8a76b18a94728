"""candidates_<retriever>: what each of several retrievers ranks for every query, by itself."""

from dataclasses import replace

from hn_assets.assets import candidates
from hn_assets.encoding.vectors.recorded_versions import record_version
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.retrieval_inputs import depth_settings, ranking_depth, retriever_inputs
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.retrievers.protocol import RetrieverReport, RetrieverSettings
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.store import Draft, layout
from hn_assets.store.layout import StageFile


def stages(settings: DatasetSettings) -> tuple[Stage, ...]:
    """A stage for each retriever; none if the dataset's own encoder is the only one."""
    if not settings.joins_retrievers:
        return ()
    return tuple(
        _own_encoder(retriever.label) if retriever.is_own_encoder else _stage(retriever)
        for retriever in settings.retrievers
    )


def make(context: StageContext, draft: Draft) -> Metadata:
    """Let the retriever rank."""
    report = _retriever(context.settings, context.name).retrieve(
        retriever_inputs(context), draft.path(layout.CANDIDATES.name), ranking_depth(context)
    )
    context.shared.get(f"{context.name} report", lambda: report)
    draft.info.update(report.manifest_info())
    return report.figures()


def record_vectors(context: StageContext, version: str) -> None:
    """Record which vectors a published version uses, so that the others can be pruned."""
    report: RetrieverReport = context.shared.get(f"{context.name} report", _not_made)
    for used in report.used_vectors:
        name = f"{context.name}_{used.kind}"
        record_version(context.dataset.store.vectors, used.space_folder, name, version, used.keys)


def _not_made() -> RetrieverReport:
    raise AssertionError("the rankings must be made before they are published")


def identify(context: StageContext) -> Resolved:
    """The depth, and what the retriever reads beside corpus and queries."""
    retriever = _retriever(context.settings, context.name)
    return {
        "depth": ranking_depth(context),
        "retriever": dict(retriever.identify(retriever_inputs(context))),
    }


def _own_encoder(name: str) -> Stage:
    """The stage `candidates` of a dataset with no other retriever, under another name."""
    stage = layout.retriever_candidates(name).stage
    return replace(
        candidates.STAGE,
        writes=tuple(StageFile(stage, file.name) for file in candidates.STAGE.writes),
        description=(
            "The best documents of every query by the dataset's own encoder: rank (from 0) and "
            "score."
        ),
    )


def _stage(retriever: RetrieverSettings) -> Stage:
    name = retriever.label
    file = layout.retriever_candidates(name)

    def settings(settings: DatasetSettings) -> Resolved:
        """The retriever's own settings; not its name, which changes no ranking."""
        own = _retriever(settings, file.stage).model_dump(mode="json", exclude={"name"})
        include_title = settings.encoding.include_title
        return {"retriever": own, "include_title": include_title, **depth_settings(settings)}

    return Stage(
        writes=(file,),
        description=f"The best documents of every query by the retriever {name}: rank (from 0) "
        f"and score, its own.",
        make=make,
        version=1,
        reads=(layout.CORPUS, layout.QUERIES, layout.QRELS),
        settings=settings,
        identify=identify,
        published=record_vectors if retriever.has_model else None,
        kinds=lambda settings: {"parquet"},
        uses_device=retriever.has_model,
    )


def _retriever(settings: DatasetSettings, stage: str) -> RetrieverSettings:
    """The retriever of a stage."""
    return next(
        one for one in settings.retrievers if layout.retriever_candidates(one.label).stage == stage
    )
