"""Whether a dataset's source, or its model, has changed, found out without reading them."""

from hn_assets.encoding.models.model_state import state_of_model
from hn_assets.filters.all_filters import external_files
from hn_assets.pipeline.dataset import Dataset
from hn_assets.sources.fingerprint import state_of_source


def state_of_inputs(dataset: Dataset) -> dict[str, str]:
    """A short text for the source and one for the model, which differ after a change.

    Raises:
        HardNegativesError: One of them is not there, or the hub cannot be asked.
    """
    settings = dataset.settings
    files = external_files(settings.filters, dataset.base)
    return {
        "source": state_of_source(dataset.open_source(), files),
        "model": state_of_model(settings.encoding.model, settings.encoding.revision),
    }
