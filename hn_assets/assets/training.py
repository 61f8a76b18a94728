"""training_set: the files that people fine-tune on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import table
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.assets.step import Step
from hn_assets.evaluation.checks.data import sample_text_hashes, sizes
from hn_assets.export.writer import export_training_set
from hn_assets.store import layout as s

ACCEPTED = "accepted"  # the key in the manifest of what later refreshes are compared with


def build_training_set(graph: Graph) -> dg.AssetsDefinition:
    """The asset that writes a dataset's training files."""
    config_class = run_config_class(graph.settings.export)

    @graph.asset(
        s.TRAINING_SET.stage,
        "Training files for FlagEmbedding and sentence-transformers, ids in a side table.",
        # what the checks of the last two stop must not be trained on
        deps=(s.HARD_NEGATIVES.stage, s.FALSE_NEGATIVE_AUDIT.stage, s.RETRIEVAL_QUALITY.stage),
        kinds={"jsonl", "parquet"},
        settings={
            "formats": graph.settings.export.formats,
            "split": graph.settings.mining.split,
        },
    )
    def training_set(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        with graph.running(context, s.TRAINING_SET.stage):
            settings = apply_run_config(graph.settings.export, config)
            step = Step(graph, context, s.TRAINING_SET.stage)
            inputs = {
                stage: step.input(stage)
                for stage in (
                    s.CORPUS.stage,
                    s.QUERIES.stage,
                    s.QRELS.stage,
                    s.HARD_NEGATIVES.stage,
                )
            }
            quality = json.loads(step.input(s.RETRIEVAL_QUALITY.stage).read_text(encoding="utf-8"))
            scores = step.input(s.TEACHER_SCORES.stage) if graph.settings.teacher else None
            step.depends_on(formats=settings.formats, split=graph.settings.mining.split)
            if (current := step.current()) is not None:
                return current
            made_with = graph.store.stage(s.HARD_NEGATIVES.stage).require().info
            with step.publish() as draft:
                report = export_training_set(
                    draft.folder,
                    **inputs,
                    split=graph.settings.mining.split,
                    negatives=made_with["negatives"],
                    include_title=made_with["include_title"],
                    teacher_scores=scores,
                    settings=settings,
                )
                draft.info["split"] = graph.settings.mining.split
                draft.info["include_title"] = made_with["include_title"]
                draft.info[ACCEPTED] = _remember(graph, inputs, quality)
            left_out = report.queries_without_negatives + report.queries_without_positives
            if left_out:
                context.log.warning(
                    f"{left_out} queries are not in the training files: "
                    f"{report.queries_without_negatives} have no negative and "
                    f"{report.queries_without_positives} no positive with text"
                )
            return step.result(
                draft,
                {
                    "dagster/row_count": report.queries_exported,
                    "files": table({"file": name, **file} for name, file in report.files.items()),
                    "queries": report.queries_exported,
                    "queries_without_negatives": report.queries_without_negatives,
                    "queries_without_positives": report.queries_without_positives,
                    "queries_short_of_n_tuples": report.queries_short_of_n_tuples,
                    "blank_positives_left_out": report.blank_positives,
                    "positives": report.positives,
                    "negatives": report.negatives,
                    "example": dg.MetadataValue.md(f"```text\n{report.example}\n```"),
                },
            )

    return training_set


def _remember(
    graph: Graph, files: Mapping[str, Path], quality: Mapping[str, Any]
) -> dict[str, Any]:
    """What the checks of later refreshes compare with: this one passed them all."""
    mining = graph.settings.mining
    return {
        "sizes": sizes(
            files[s.CORPUS.stage], files[s.QRELS.stage], mining.split, mining.evaluation_split
        ),
        "texts": sample_text_hashes(files[s.CORPUS.stage]),
        "ndcg_at_10": quality.get("ndcg_at_10"),
    }
