"""The job that removes vectors which no recent run used."""

import dagster as dg
from pydantic import Field

from hn_assets.assets.graph import Graph
from hn_assets.assets.step import one_run_at_a_time
from hn_assets.encoding.vectors.cache_pruning import prune


class PruneConfig(dg.Config):
    """What to keep, and whether to remove the rest or only to say what it is."""

    keep: int = Field(default=3, ge=1, description="generations of vectors to keep")
    really: bool = Field(default=False, description="false: only say what would be removed")


def build_prune_job(graph: Graph) -> dg.JobDefinition:
    """The job `<dataset>_prune`."""

    @dg.op(name=f"{graph.name}__prune")
    def remove_unused(context: dg.OpExecutionContext, config: PruneConfig) -> None:
        lock = graph.store.lock("embeddings")
        with one_run_at_a_time(lock, f"{graph.name}/embeddings", context.log):
            report = prune(graph.store.vectors, config.keep, really=config.really)
        verb = "removed" if config.really else "would remove"
        for space, count in report.vectors.items():
            context.log.info(f"{verb} {count:,} vectors of {graph.store.vectors / space}")
        context.log.info(
            f"{verb} {sum(report.vectors.values()):,} vectors that the last {config.keep} "
            f"generations did not use; {report.kept:,} stay"
            + ("" if config.really else ". Run the job with really: true to remove them")
        )

    @dg.job(
        name=f"{graph.name}_prune",
        description=f"Say which stored vectors of {graph.name} no recent run used, or remove them.",
    )
    def prune_job() -> None:
        remove_unused()

    return prune_job
