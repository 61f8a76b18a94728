"""How a failed step ends: with our message, and tried again only if that can help."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from hn_assets.errors import (
    CheckFailedError,
    ClusterUnavailableError,
    HardNegativesError,
    HubError,
    HubUnavailableError,
)
from hn_assets.orchestration.base.names import ACCEPT_TAG
from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import environment_variables
from hn_assets.settings.job import JobSettings


@contextmanager
def explained_failures(dataset: Dataset, context: dg.AssetExecutionContext) -> Iterator[None]:
    """End the step with our message if it fails.

    Trying again cannot help if the input is wrong, so such a failure is not retried. What a hub
    does not send now it may send later, and a cluster that is lost may come back.
    """
    try:
        yield
    except HubError as error:
        if isinstance(error, HubUnavailableError):
            _request_retry(context.retry_number, dataset.settings.job, error)
        folder, model = environment_variables(dataset.name)
        raise dg.Failure(
            description=f"{dataset.name}: {error}. Without an edit of the YAML file, {folder} in "
            f"the environment names a local folder in BEIR layout, and {model} a model folder",
            allow_retries=False,
        ) from error
    except ClusterUnavailableError as error:
        _request_retry(context.retry_number, dataset.settings.job, error)
        raise dg.Failure(description=f"{dataset.name}: {error}", allow_retries=False) from error
    except CheckFailedError as error:
        raise dg.Failure(
            f"{dataset.name}: {error}. If this is meant, run again with the tag "
            f"{ACCEPT_TAG}: {', '.join(error.checks)}",
            allow_retries=False,
        ) from error
    except HardNegativesError as error:
        raise dg.Failure(description=f"{dataset.name}: {error}", allow_retries=False) from error
    except Exception as error:
        _request_retry(context.retry_number, dataset.settings.job, error)
        raise


def _request_retry(tried: int, job: JobSettings, error: Exception) -> None:
    """Ask Dagster to try the step again, as often as the settings say.

    It is not left to a retry policy of the op: with one, Dagster also tries a step again that
    somebody cancelled, and the run goes on.
    """
    if tried >= job.retries:
        return
    policy = dg.RetryPolicy(
        max_retries=job.retries,
        delay=job.retry_delay,
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    )
    raise dg.RetryRequested(
        max_retries=job.retries, seconds_to_wait=policy.calculate_delay(tried + 1)
    ) from error
