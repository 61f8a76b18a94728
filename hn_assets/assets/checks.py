"""Asset checks: what must hold of a finished asset before anybody trusts it."""

import dagster as dg

from hn_assets import stages as s
from hn_assets.assets.graph import Graph
from hn_assets.mining.audit import CHOSEN
from hn_assets.mining.ledger import check_ledger
from hn_assets.mining.why import LEDGER_FILE


def build_checks(graph: Graph) -> list[dg.AssetChecksDefinition]:
    """The checks of a dataset."""
    return [_ledger_is_complete(graph), _false_negative_rate(graph)]


def _ledger_is_complete(graph: Graph) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=graph.key(s.HARD_NEGATIVES),
        name="every_candidate_is_accounted_for",
        description="Each candidate of a mined query is in the ledger once, and the counts add up.",
        blocking=True,
    )
    def every_candidate_is_accounted_for() -> dg.AssetCheckResult:
        place = graph.store.stage(s.HARD_NEGATIVES)
        found = check_ledger(
            ledger=place.file(LEDGER_FILE),
            negatives=place.file(s.FILES[s.HARD_NEGATIVES]),
            candidates=graph.store.stage(s.CANDIDATES).file(s.FILES[s.CANDIDATES]),
        )
        return dg.AssetCheckResult(
            passed=not found.problems,
            description="; ".join(found.problems) or "every candidate is there once",
            metadata={
                "candidates": found.candidates,
                "chosen": found.chosen,
                "queries": found.queries,
            },
        )

    return every_candidate_is_accounted_for


def _false_negative_rate(graph: Graph) -> dg.AssetChecksDefinition:
    target = graph.settings.negatives.target_false_negative_rate

    @dg.asset_check(
        asset=graph.key(s.FALSE_NEGATIVE_AUDIT),
        name="false_negative_rate",
        description="The measured leak of these settings is not above the target.",
    )
    def false_negative_rate() -> dg.AssetCheckResult:
        import pandas as pd

        path = graph.store.stage(s.FALSE_NEGATIVE_AUDIT).file(s.FILES[s.FALSE_NEGATIVE_AUDIT])
        methods = pd.read_parquet(path)
        own = methods[methods.method == CHOSEN].to_dict("records")
        measured = own[0] if own and own[0]["negatives"] else None
        metadata = {} if measured is None else {"leak": measured["leak"]}
        if target is None:
            passed, why = True, "no negatives.target_false_negative_rate is set to compare with"
        elif measured is None:
            passed = False
            why = (
                f"nothing was measured, so that a rate under {target:g} cannot be shown: label a "
                f"second positive for more queries, or unset negatives.target_false_negative_rate"
            )
        else:
            passed = measured["leak"] <= target
            why = (
                f"{measured['leak']:.3%} of the negatives are hidden positives (95 % interval "
                f"{measured['leak_low']:.3%} to {measured['leak_high']:.3%}); the target is "
                f"{target:.3%}"
            )
            if not passed:
                why += ". Lower the target, or label what likely_missing_labels lists"
        return dg.AssetCheckResult(
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=why,
            metadata=metadata,
        )

    return false_negative_rate
