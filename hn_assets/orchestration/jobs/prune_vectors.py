"""The job that removes vectors that no recent run used."""

from contextlib import ExitStack

import dagster as dg

from hn_assets.assets import operations_of
from hn_assets.encoding.vectors.recorded_versions import prune
from hn_assets.orchestration.base.names import op_name, prune_job
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.run_lock import one_run_at_a_time
from hn_assets.store import Holder, Waiting

# plain types: the fields of a `dg.Config` would also read the environment, secrets included
PRUNE_CONFIG = {
    "keep": dg.Field(
        int, default_value=3, description="versions of each asset whose vectors are kept"
    ),
    "really": dg.Field(
        bool, default_value=False, description="false: only say what would be removed"
    ),
}


def build_prune_job(dataset: Dataset) -> dg.JobDefinition:
    """The job that says which stored vectors no recent version used, or removes them."""

    @dg.op(name=op_name(dataset.name, "prune"), config_schema=PRUNE_CONFIG)
    def remove_unused(context: dg.OpExecutionContext) -> None:
        keep, really = context.op_config["keep"], context.op_config["really"]
        if keep < 1:
            raise dg.Failure(f"keep is {keep}: at least the last version is kept, so 1 or more")
        store, holder = dataset.store, Holder.of_this_process(context.run.run_id)
        with ExitStack() as locks:
            # Whatever adds vectors or scores must not be doing it: what it has not recorded yet
            # would count as unused.
            for operation in operations_of(dataset.settings):
                if any(stage.published for stage in operation.stages):
                    lock = store.lock(operation.name)
                    what = f"{dataset.name}/{operation.name}"
                    waiting = Waiting(what, dataset.settings.job.max_wait_seconds, context.log)
                    locks.enter_context(one_run_at_a_time(lock, holder, waiting))
            report = prune(store.vectors, keep, really=really)
        verb = "removed" if really else "would remove"
        for space, count in report.vectors.items():
            context.log.info(f"{verb} {count:,} vectors of {store.vectors / space}")
        context.log.info(
            f"{verb} {sum(report.vectors.values()):,} vectors that the last {keep} "
            f"versions did not use; {report.kept:,} stay"
            + ("" if really else ". Run the job with really: true to remove them")
        )

    @dg.job(
        name=prune_job(dataset.name),
        description=(
            f"Say which stored vectors of {dataset.name} no recent run used, or remove them."
        ),
    )
    def prune_unused() -> None:
        remove_unused()

    return prune_unused
