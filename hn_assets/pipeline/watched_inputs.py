"""Whether a dataset's source, models or retrievers have changed, found out without reading them."""

from hn_assets.encoding.models.model_state import state_of_model
from hn_assets.filters.all_filters import external_files
from hn_assets.pipeline.dataset import Dataset
from hn_assets.pipeline.promotion import base_model, state_of_promoted
from hn_assets.sources.fingerprint import state_of_source


def state_of_inputs(dataset: Dataset) -> dict[str, str]:
    """Short texts for source, model, teacher and retrievers, each of which differs after a change.

    Raises:
        HardNegativesError: One of them is not there, or the hub cannot be asked.
    """
    settings = dataset.settings
    files = external_files(settings.filters, dataset.base)
    states = {
        "source": state_of_source(dataset.open_source(), files),
        "model": state_of_promoted(dataset)
        or state_of_model(base_model(settings), settings.encoding.revision),
    }
    if settings.teacher is not None:
        states["teacher"] = state_of_model(
            settings.teacher.model, settings.teacher.revision, "teacher"
        )
    for retriever in settings.retrievers:
        if state := retriever.state(dataset.base):
            states[f"retriever {retriever.label}"] = state
    return states
