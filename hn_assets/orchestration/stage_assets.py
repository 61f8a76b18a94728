"""Stages as Dagster assets: one op for each operation."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg

from hn_assets.assets import operations_of, stages_of
from hn_assets.orchestration.base.dagster_metadata import to_dagster
from hn_assets.orchestration.base.failures import explained_failures
from hn_assets.orchestration.base.names import (
    GPU_POOL,
    accepted_checks,
    asset_key,
    op_name,
    settings_key,
)
from hn_assets.orchestration.ray_resource import ray_keys, with_ray_resource
from hn_assets.orchestration.run_settings import with_run_settings
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.operation_run import run_operation
from hn_assets.pipeline.stage import Operation, Stage, direct_upstream_names
from hn_assets.settings.job import JobSettings


def build_assets(dataset: Dataset) -> list[dg.AssetsDefinition]:
    """The assets of a dataset, in the order data flow."""
    return [_build(dataset, operation) for operation in operations_of(dataset.settings)]


def _build(dataset: Dataset, operation: Operation) -> dg.AssetsDefinition:
    stages = stages_of(dataset.settings)

    @dg.multi_asset(
        name=op_name(dataset.name, operation.name),
        specs=[_spec(dataset, stage, stages) for stage in operation.stages],
        can_subset=len(operation.stages) > 1,
        pool=GPU_POOL if operation.uses_device else None,
        required_resource_keys={
            settings_key(dataset.name),
            *ray_keys(dataset.settings.compute, operation),
        },
    )
    def make(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        with explained_failures(dataset, context):
            resource = getattr(context.resources, settings_key(dataset.name))
            configured = replace(
                with_run_settings(dataset, resource),
                accepted=accepted_checks(context.run.tags),
                run=context.run.run_id,
            )
            if ray_keys(configured.settings.compute, operation):
                configured = with_ray_resource(configured, context.resources.ray)
            selected = {key.path[-1] for key in context.selected_asset_keys}
            for result in run_operation(configured, operation, stages, context.log, selected):
                yield dg.MaterializeResult(
                    asset_key=asset_key(dataset.name, result.stage),
                    metadata=to_dagster(result.metadata),
                    data_version=dg.DataVersion(result.version),
                )

    return make


def _spec(dataset: Dataset, stage: Stage, stages: tuple[Stage, ...]) -> dg.AssetSpec:
    """The asset of a stage; its code version changes with the settings it depends on.

    So the user interface marks as stale just what a changed setting changes.
    """
    return dg.AssetSpec(
        asset_key(dataset.name, stage.name),
        deps=[asset_key(dataset.name, name) for name in direct_upstream_names(stage, stages)],
        description=stage.description,
        group_name=dataset.name,
        kinds=stage.kinds(dataset.settings),
        code_version=stage.code_version(dataset.settings),
        automation_condition=_condition(dataset.settings.job, stage),
    )


def _condition(job: JobSettings, stage: Stage) -> dg.AutomationCondition | None:
    """When Dagster materializes a stage by itself: the source by the clock, all of it together."""
    if not job.automation_conditions:
        return None
    if not stage.reads:
        return dg.AutomationCondition.on_cron(job.cron, job.timezone)
    checked = dg.AutomationCondition.all_deps_blocking_checks_passed()
    return dg.AutomationCondition.eager() & checked
