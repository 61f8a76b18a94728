"""The errors that a user can cause and can put right.

Every message names the file, line, id or setting at fault and says what to do. The Dagster layer
turns them into step failures that are not retried, since the same input would fail again. What may
pass by itself, such as a hub that cannot be reached, is retried.
"""


class HardNegativesError(Exception):
    """The base class of all errors of wrong input or settings."""


class SettingsError(HardNegativesError):
    """A setting has a value that cannot work."""


class SourceError(HardNegativesError):
    """The corpus, the queries or the qrels cannot be read or do not fit together."""


class ModelError(HardNegativesError):
    """A model cannot be loaded, or it gives vectors or scores that cannot be used."""


class HubError(HardNegativesError):
    """A model or a dataset has to come from the Hugging Face hub, which does not provide it."""


class HubUnavailableError(HubError):
    """The hub cannot be reached, or sends other bytes than it lists; trying again may help."""


class HubPushError(HardNegativesError):
    """Files cannot be pushed to the Hugging Face hub as the settings ask."""


class ClusterError(HardNegativesError):
    """A cluster of Ray cannot be used as the settings ask."""


class ClusterUnavailableError(ClusterError):
    """A cluster of Ray cannot be reached, or has been lost; trying again later may help."""


class StoreError(HardNegativesError):
    """The files of a stage cannot be written, are missing, or are damaged."""


class StoreBusyError(StoreError):
    """Another run holds what this one needs, for longer than this one may wait."""


class SearchError(HardNegativesError):
    """An index does not belong to the vectors that it is to be searched with."""


class CheckFailedError(HardNegativesError):
    """Checks that block have failed, so that the training set stays as it was.

    Attributes:
        checks: The names of the checks.
    """

    def __init__(self, message: str, checks: list[str]) -> None:
        super().__init__(message)
        self.checks = checks


class RetrieverError(HardNegativesError):
    """A file of rankings or vectors, which a retriever is to use, cannot be used as it is."""


class MiningError(HardNegativesError):
    """Hard negatives cannot be mined as the settings ask."""


class JudgeError(HardNegativesError):
    """A judge cannot be asked as the settings say."""


class JudgeUnavailableError(RuntimeError):
    """A judge cannot be reached, or is asked too much; trying again later may help."""


class SourceChangedError(RuntimeError):
    """The source changed while it was read; trying again reads it as it is then."""


class WorkerError(RuntimeError):
    """A worker process has ended by itself, as when its memory is exhausted or its GPU is lost.

    The input need not be wrong, so that the step may be tried again.
    """


class TrainingError(RuntimeError):
    """The process that trains a model has ended; the next run goes on from its last checkpoint."""


class RemoteStoreError(RuntimeError):
    """A store under a URL cannot be reached, read or written; trying again may help."""


class LeaseLostError(RuntimeError):
    """Another run took over a stage while this one was cut off; trying again sees what it made."""


class ModelChangedError(RuntimeError):
    """The files of a model were written while it was loaded; trying again takes the new ones."""


class HubPushUnavailableError(RuntimeError):
    """The hub did not take a push this time; trying again may help."""


class AlertNotSentError(RuntimeError):
    """An alert could not be sent; sending it again later may help."""


class AlertRefusedError(RuntimeError):
    """A receiver will never take an alert."""
