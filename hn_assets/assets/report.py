"""report: one page per refresh that a person can open, or attach."""

from typing import Any

import dagster as dg

from hn_assets.assets.checks import read_verdicts
from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import table
from hn_assets.assets.quality import HISTORY
from hn_assets.assets.step import Step
from hn_assets.errors import StoreError
from hn_assets.mining.output.explain import LEDGER_FILE
from hn_assets.report.collect import Files, gather
from hn_assets.report.frontier import PICTURE_FILE
from hn_assets.report.render import headline, render_report, training_advice
from hn_assets.store import layout as s

NDCG = "ndcg_at_10"


def build_report(graph: Graph) -> dg.AssetsDefinition:
    """The asset that writes the page of a refresh."""
    calibrated = graph.settings.filters.is_calibrated

    @graph.asset(
        s.REPORT.stage,
        "One self-contained HTML page: checks, scores, ranks, leak, quality over time, drift, "
        "examples.",
        deps=(s.DRIFT.stage,),
        kinds={"html"},
        settings={},
    )
    def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with graph.running(context, s.REPORT.stage):
            step = Step(graph, context, s.REPORT.stage)
            files = Files(
                corpus=step.input(s.CORPUS.stage),
                queries=step.input(s.QUERIES.stage),
                hard_negatives=step.input(s.HARD_NEGATIVES.stage),
                ledger=step.input(s.HARD_NEGATIVES.stage, LEDGER_FILE),
                audit=step.input(s.FALSE_NEGATIVE_AUDIT.stage),
                quality=step.input(s.RETRIEVAL_QUALITY.stage),
                drift=step.input(s.DRIFT.stage),
                calibration=step.input(s.CALIBRATION.stage) if calibrated else None,
            )
            verdicts = read_verdicts(graph)
            step.depends_on(checks=[[v.asset, v.check, v.state] for v in verdicts])
            if (current := step.current()) is not None:
                return current
            history: list[Any] = (
                graph.store.stage(s.RETRIEVAL_QUALITY.stage).require().info[HISTORY]
            )
            refresh = gather(
                files,
                mined=graph.store.stage(s.HARD_NEGATIVES.stage).require().info,
                history=history,
                ndcg_before=_read_before(step),
                verdicts=verdicts,
            )
            audit = graph.store.stage(s.FALSE_NEGATIVE_AUDIT.stage)
            drawn = PICTURE_FILE in audit.require().files
            picture = audit.file(PICTURE_FILE).read_bytes() if drawn else None
            time = history[-1]["time"].replace("T", " ").replace("+00:00", " UTC")
            with step.publish() as draft:
                page = render_report(graph.name, time, refresh, picture)
                draft.path(s.REPORT.name).write_text(page, encoding="utf-8")
                draft.info[NDCG] = history[-1].get(NDCG)
            assert draft.manifest is not None
            where = f"{step.place.where(draft.manifest.version)}/{s.REPORT.name}"
            return step.result(
                draft,
                {
                    "can_i_train_on_it": training_advice(verdicts),
                    "report": dg.MetadataValue.path(where),
                    "in_short": table(headline(refresh)),
                    "kilobytes": len(page.encode()) >> 10,
                },
            )

    return report


def _read_before(step: Step) -> float | None:
    """The nDCG@10 of the last page: of the last refresh, then, that no check stopped."""
    try:
        manifest = step.place.manifest()
    except StoreError:
        return None
    return None if manifest is None else manifest.info.get(NDCG)
