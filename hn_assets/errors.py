"""The errors a user can cause and a user can mend.

Every message names the file, line, id or setting at fault and says what to do. The Dagster layer
turns them into step failures that are not retried: running the same bad input again cannot help.
"""


class HardNegativesError(Exception):
    """Base of all errors that hn_assets raises on purpose."""


class SettingsError(HardNegativesError):
    """A setting has a value that cannot work."""


class SourceError(HardNegativesError):
    """The corpus, the queries or the qrels cannot be read or do not fit together."""


class ModelError(HardNegativesError):
    """An embedding model cannot be loaded or gives vectors that cannot be used."""


class HubError(HardNegativesError):
    """A model or dataset has to come from the hub, and the hub does not give it."""


class StoreError(HardNegativesError):
    """An asset's files cannot be written, are missing, or are damaged."""


class SearchError(HardNegativesError):
    """An index does not belong to the vectors it is to be searched with."""


class MiningError(HardNegativesError):
    """No hard negatives can be mined as asked."""


class WorkerError(RuntimeError):
    """A process that encodes ended by itself: out of memory, or its card is gone.

    Not an error that a user mends in the input, so the step may be tried again.
    """


class RemoteStoreError(RuntimeError):
    """A store under a URL cannot be reached, read or written; trying again may help."""
