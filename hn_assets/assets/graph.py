"""What the assets of one dataset share: keys, store, settings, retries, errors."""

import hashlib
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from hn_assets.assets.resources import Compute
from hn_assets.assets.step import CODE, one_run_at_a_time
from hn_assets.errors import HardNegativesError, HubError
from hn_assets.settings.dataset import DatasetSettings, environment_variables
from hn_assets.store import DatasetStore, Draft, open_store
from hn_assets.store.layout import SOURCE

GPU_POOL = "gpu"


def peak_memory() -> int:
    """The most memory that this process, or one it has started, ever held; in bytes.

    Files that are mapped into memory count as far as they were read.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(w).ru_maxrss for w in who) * unit


@dataclass(frozen=True)
class Graph:
    """One dataset's settings and its place in Dagster and in the store.

    Attributes:
        name: the dataset: first part of the asset keys, and the group.
        settings: from its YAML file.
        base: the folder that relative paths start from: the project's root.
    """

    name: str
    settings: DatasetSettings
    base: Path

    def key(self, stage: str) -> dg.AssetKey:
        """The asset key of a stage: `<dataset>/<stage>`."""
        return dg.AssetKey([self.name, stage])

    def op_name(self, stage: str) -> str:
        """The name of the op that makes a stage, as it stands in a run's configuration."""
        return f"{self.name}__{stage}"

    def spec(
        self,
        stage: str,
        description: str,
        *,
        deps: tuple[str, ...] = (),
        kinds: set[str],
        settings: Mapping[str, Any],
    ) -> dg.AssetSpec:
        """The asset of a stage, made from the stages `deps` and by those `settings`.

        `deps` leave out what comes before other deps, so that the picture of the graph can be read;
        what the content depends on is all that its `Step` reads.

        Its code version changes with the settings, so that the UI marks as stale what depends on
        them.
        """
        made_by = json.dumps([CODE, settings], sort_keys=True).encode()
        return dg.AssetSpec(
            self.key(stage),
            deps=[self.key(dep) for dep in deps],
            description=description,
            group_name=self.name,
            kinds=kinds,
            code_version=hashlib.sha256(made_by).hexdigest()[:12],
            automation_condition=self._condition(stage),
        )

    def _condition(self, stage: str) -> dg.AutomationCondition | None:
        """When Dagster materializes a stage by itself: the source by the clock, together."""
        job = self.settings.job
        if not job.automation_conditions:
            return None
        if stage in SOURCE:
            return dg.AutomationCondition.on_cron(job.cron, job.timezone)
        checked = dg.AutomationCondition.all_deps_blocking_checks_passed()
        return dg.AutomationCondition.eager() & checked

    def asset(
        self,
        stage: str,
        description: str,
        *,
        deps: tuple[str, ...],
        kinds: set[str],
        settings: Mapping[str, Any],
        computes: bool = False,
    ) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """Decorate the op that makes one stage; one that `computes` takes pool and resource."""
        return dg.multi_asset(
            name=self.op_name(stage),
            specs=[self.spec(stage, description, deps=deps, kinds=kinds, settings=settings)],
            pool=GPU_POOL if computes else None,
            required_resource_keys={self.compute_key} if computes else None,
        )

    @property
    def store(self) -> DatasetStore:
        """Where the assets lie: `$HN_DATA_DIR`, by default `data/` in the project.

        Read when a step runs, not when definitions load, as the two can be different machines.
        """
        return open_store(self.base, self.name, os.environ)

    @property
    def compute_key(self) -> str:
        """The key of this dataset's compute resource."""
        return f"{self.name}_compute"

    def compute(self, context: dg.AssetExecutionContext) -> Compute:
        """This dataset's compute resource, as configured for the run."""
        return getattr(context.resources, self.compute_key)

    def result(self, stage: str, draft: Draft, metadata: Mapping[str, Any]) -> dg.MaterializeResult:
        """What to tell Dagster of a published stage: where it lies, its content as the version."""
        assert draft.manifest is not None, "the draft must be published first"
        place = self.store.stage(stage)
        return dg.MaterializeResult(
            asset_key=self.key(stage),
            metadata={
                "path": dg.MetadataValue.path(place.where(draft.manifest.version)),
                "bytes": sum(int(file["bytes"]) for file in draft.manifest.files.values()),
                "peak_memory_mb": peak_memory() >> 20,
                **metadata,
            },
            data_version=dg.DataVersion(draft.manifest.version),
        )

    @contextmanager
    def running(self, context: dg.AssetExecutionContext, what: str) -> Iterator[None]:
        """Make `what` while no other run does; end the step with our message where it fails.

        Trying again cannot help where the input is wrong, so such a failure is not retried.
        """
        lock = self.store.lock(what)
        try:
            with one_run_at_a_time(lock, f"{self.name}/{what}", context.log):
                yield
        except HubError as error:
            folder, model = environment_variables(self.name)
            raise dg.Failure(
                description=f"{self.name}: {error}. Without an edit of the YAML file, {folder} in "
                f"the environment names a local folder in BEIR layout, and {model} a model folder",
                allow_retries=False,  # the hub's own client has tried several times
            ) from error
        except HardNegativesError as error:
            raise dg.Failure(description=f"{self.name}: {error}", allow_retries=False) from error
        except Exception as error:
            self._try_again(context, error)
            raise

    def _try_again(self, context: dg.AssetExecutionContext, error: Exception) -> None:
        """Ask Dagster to try the step again, as often as the settings say.

        Not by a retry policy of the op: with one, Dagster also tries a step again that somebody
        cancelled, and the run goes on.
        """
        job = self.settings.job
        if context.retry_number >= job.retries:
            return
        policy = dg.RetryPolicy(
            max_retries=job.retries,
            delay=job.retry_delay,
            backoff=dg.Backoff.EXPONENTIAL,
            jitter=dg.Jitter.PLUS_MINUS,
        )
        raise dg.RetryRequested(
            max_retries=job.retries,
            seconds_to_wait=policy.calculate_delay(context.retry_number + 1),
        ) from error
