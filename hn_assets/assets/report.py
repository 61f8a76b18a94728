"""report: one page per refresh that a person can open, or attach."""

from typing import Any

import dagster as dg

from hn_assets import stages as s
from hn_assets.assets.checks import read_verdicts
from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import table
from hn_assets.assets.quality import HISTORY
from hn_assets.assets.step import Step
from hn_assets.errors import StoreError
from hn_assets.mining.picture import PICTURE_FILE
from hn_assets.mining.why import LEDGER_FILE
from hn_assets.report.gather import Files, gather
from hn_assets.report.page import headline, may_train, render_report

NDCG = "ndcg_at_10"


def build_report(graph: Graph) -> dg.AssetsDefinition:
    """The asset that writes the page of a refresh."""
    calibrated = graph.settings.negatives.is_calibrated

    @graph.asset(
        s.REPORT,
        "One self-contained HTML page: checks, scores, ranks, leak, quality over time, drift, "
        "examples.",
        deps=(s.DRIFT,),
        kinds={"html"},
        settings={},
    )
    def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with graph.running(context, s.REPORT):
            step = Step(graph, context, s.REPORT)
            files = Files(
                corpus=step.input(s.CORPUS),
                queries=step.input(s.QUERIES),
                hard_negatives=step.input(s.HARD_NEGATIVES),
                ledger=step.input(s.HARD_NEGATIVES, LEDGER_FILE),
                audit=step.input(s.FALSE_NEGATIVE_AUDIT),
                quality=step.input(s.RETRIEVAL_QUALITY),
                drift=step.input(s.DRIFT),
                calibration=step.input(s.CALIBRATION) if calibrated else None,
            )
            verdicts = read_verdicts(graph)
            step.depends_on(checks=[[v.asset, v.check, v.state] for v in verdicts])
            if (current := step.current()) is not None:
                return current
            history: list[Any] = graph.store.stage(s.RETRIEVAL_QUALITY).require().info[HISTORY]
            refresh = gather(
                files,
                mined=graph.store.stage(s.HARD_NEGATIVES).require().info,
                history=history,
                ndcg_before=_read_before(step),
                verdicts=verdicts,
            )
            audit = graph.store.stage(s.FALSE_NEGATIVE_AUDIT)
            drawn = PICTURE_FILE in audit.require().files
            picture = audit.file(PICTURE_FILE).read_bytes() if drawn else None
            time = history[-1]["time"].replace("T", " ").replace("+00:00", " UTC")
            with step.publish() as draft:
                page = render_report(graph.name, time, refresh, picture)
                draft.path(s.FILES[s.REPORT]).write_text(page, encoding="utf-8")
                draft.info[NDCG] = history[-1].get(NDCG)
            assert draft.manifest is not None
            where = f"{step.place.where(draft.manifest.version)}/{s.FILES[s.REPORT]}"
            return step.result(
                draft,
                {
                    "can_i_train_on_it": may_train(verdicts),
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
