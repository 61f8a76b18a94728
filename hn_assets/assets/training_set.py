"""training_set: the files that people fine-tune on."""

from hn_assets.evaluation.checks.base.last_training_set import ACCEPTED, accepted_summary
from hn_assets.evaluation.checks.run_checks import refuse_failures
from hn_assets.evaluation.retrieval_quality import read_quality
from hn_assets.export.writer import export_training_set
from hn_assets.pipeline.metadata import Markdown, Metadata, counts, table
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.store import Draft, layout


def make(context: StageContext, draft: Draft) -> Metadata:
    """Write the formats that are asked for, and the side table of ids.

    Raises:
        CheckFailedError: A check of what it is made of has failed, and nobody has accepted that.
            Dagster stops a refresh there by itself, but not a run of this stage alone.
    """
    refuse_failures(context.dataset.store, context.settings, context.dataset.accepted)
    mining = context.settings.mining
    mined = context.info(layout.HARD_NEGATIVES.stage)
    corpus, qrels = context.input(layout.CORPUS), context.input(layout.QRELS)
    report = export_training_set(
        draft.folder,
        corpus=corpus,
        queries=context.input(layout.QUERIES),
        qrels=qrels,
        hard_negatives=context.input(layout.HARD_NEGATIVES),
        split=mining.split,
        num_negatives=mined["negatives"],
        include_title=mined["include_title"],
        teacher_scores=context.optional_input(layout.TEACHER_SCORES),
        suspects=context.optional_input(layout.SUSPECT_POSITIVES),
        judged=context.optional_input(layout.JUDGE_VERDICTS),
        formats=context.settings.export.formats,
    )
    quality = read_quality(context.input(layout.RETRIEVAL_QUALITY))
    draft.info["split"] = mining.split
    draft.info["include_title"] = mined["include_title"]
    # what the checks of later runs compare with: this run passed them all
    draft.info[ACCEPTED] = accepted_summary(
        corpus, qrels, mining.split, mining.evaluation_split, quality
    )
    left_out = report.queries_without_negatives + report.queries_without_positives
    if left_out:
        context.log.warning(
            f"{left_out} queries are not in the training files: "
            f"{report.queries_without_negatives} have no negative and "
            f"{report.queries_without_positives} no positive with text"
        )
    return {
        "dagster/row_count": report.queries_exported,
        "files": table({"file": name, **file} for name, file in report.files.items()),
        "queries": report.queries_exported,
        "queries_without_negatives": report.queries_without_negatives,
        "queries_without_positives": report.queries_without_positives,
        "queries_left_out_by_format": counts(report.queries_left_out, "format"),
        "blank_positives_left_out": report.blank_positives,
        "suspect_positives_left_out": report.suspect_positives,
        "negatives_relabelled_by_judge": report.relabelled,
        "negatives_dropped_by_judge": report.dropped,
        "positives": report.positives,
        "negatives": report.negatives,
        "example": Markdown(f"```text\n{report.example}\n```"),
    }


STAGE = Stage(
    writes=(layout.TRAINING_SET,),
    description="Training files in the formats that trainers read, with ids in a side table.",
    make=make,
    version=2,
    reads=(
        layout.CORPUS,
        layout.QUERIES,
        layout.QRELS,
        layout.HARD_NEGATIVES,
        layout.RETRIEVAL_QUALITY,
        layout.TEACHER_SCORES,
        layout.SUSPECT_POSITIVES,
        layout.JUDGE_VERDICTS,
    ),
    settings=lambda s: {"formats": list(s.export.formats), "split": s.mining.split},
    # what its check stops must not be trained on
    after=(layout.FALSE_NEGATIVE_AUDIT, layout.REVIEW_RESULT),
    kinds=lambda settings: {"jsonl", "parquet"},
)
