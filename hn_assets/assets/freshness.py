"""The check that a training set was refreshed lately, for datasets with `checks.max_age_days`."""

import time
from datetime import timedelta

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.evaluation.checks.freshness import is_fresh
from hn_assets.store.layout import TRAINING_SET

IS_FRESH = "is_fresh"


def build_freshness_check(graph: Graph, days: float) -> dg.AssetChecksDefinition:
    """The check `is_fresh` of a dataset's training set, which warns.

    A refresh that changed nothing counts: what is asked is when somebody last looked.
    """
    key = graph.key(TRAINING_SET)

    @dg.asset_check(
        asset=key,
        name=IS_FRESH,
        description=f"The training set was refreshed within the last {days:g} days.",
    )
    def look(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        event = context.instance.get_latest_materialization_event(key)
        age = None if event is None else timedelta(seconds=time.time() - event.timestamp)
        found = is_fresh(age, days)
        return dg.AssetCheckResult(
            passed=found.passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=found.words,
            metadata=dict(found.figures),
        )

    return look
