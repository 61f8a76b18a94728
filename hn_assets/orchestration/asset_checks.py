"""Asset checks: what must hold of a finished asset before anybody trains on what comes of it.

A check that blocks stops everything downstream of its asset, so the last training set stays.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from hn_assets.errors import HardNegativesError
from hn_assets.evaluation.checks.all_checks import checks_of
from hn_assets.evaluation.checks.base.check import Check
from hn_assets.evaluation.checks.freshness import is_fresh
from hn_assets.evaluation.checks.run_checks import run_check
from hn_assets.orchestration.base.names import (
    ACCEPT_TAG,
    IS_FRESH,
    accepted_checks,
    asset_key,
    op_name,
    settings_key,
)
from hn_assets.orchestration.run_settings import with_run_settings
from hn_assets.pipeline.dataset import Dataset
from hn_assets.store.layout import TRAINING_SET


def build_checks(dataset: Dataset) -> list[dg.AssetChecksDefinition]:
    """The checks of a dataset: one op for those of a stage, in the order of the stages."""
    by_stage: dict[str, list[Check]] = {}
    for check in checks_of(dataset.settings):
        by_stage.setdefault(check.stage, []).append(check)
    return [_build(dataset, stage, checks) for stage, checks in by_stage.items()]


def _build(dataset: Dataset, stage: str, checks: list[Check]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            check.name,
            asset=asset_key(dataset.name, stage),
            description=check.description,
            blocking=True,
        )
        for check in checks
    ]

    @dg.multi_asset_check(
        name=f"{op_name(dataset.name, stage)}_checks",
        specs=specs,
        can_subset=True,
        required_resource_keys={settings_key(dataset.name)},
    )
    def look(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        selected = {key.name for key in context.selected_asset_check_keys}
        resource = getattr(context.resources, settings_key(dataset.name))
        for check in checks:
            if check.name in selected:
                yield _result(dataset, resource, check, context.run.tags)

    return look


def _result(
    dataset: Dataset, resource: Any, check: Check, tags: Mapping[str, str]
) -> dg.AssetCheckResult:
    accepted = accepted_checks(tags)
    try:
        configured = with_run_settings(dataset, resource)
        found = run_check(check, configured.store, configured.settings, accepted)
    except HardNegativesError as error:
        raise dg.Failure(f"{dataset.name}: {error}", allow_retries=False) from error
    passed, message = found.passed, found.message
    if not passed and check.name in accepted:
        passed, message = True, f"{message}. Accepted by the run's tag {ACCEPT_TAG}"
    elif not passed and found.blocks:
        message += (
            f". The training set stays as it was; if this is meant, run again with the tag "
            f"{ACCEPT_TAG}: {check.name}"
        )
    return dg.AssetCheckResult(
        asset_key=asset_key(dataset.name, check.stage),
        check_name=check.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if found.blocks else dg.AssetCheckSeverity.WARN,
        description=message,
        metadata=dict(found.figures),
    )


def build_freshness_check(dataset: Dataset, max_age_days: float) -> dg.AssetChecksDefinition:
    """The check `is_fresh` of a dataset's training set, which warns.

    A run that changed nothing counts: what is asked is when somebody last looked.
    """
    key = asset_key(dataset.name, TRAINING_SET.stage)

    @dg.asset_check(
        asset=key,
        name=IS_FRESH,
        description=f"The training set was made or found unchanged within {max_age_days:g} days.",
    )
    def look(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        event = context.instance.get_latest_materialization_event(key)
        age = None if event is None else timedelta(seconds=time.time() - event.timestamp)
        found = is_fresh(age, max_age_days)
        return dg.AssetCheckResult(
            passed=found.passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=found.message,
            metadata=dict(found.figures),
        )

    return look
