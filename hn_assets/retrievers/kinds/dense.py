"""The retriever `dense`: vectors of an encoder, compared by inner product."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from hn_assets.retrievers.protocol import RetrieverInputs, RetrieverReport, RetrieverSettings


class DenseSettings(RetrieverSettings):
    """The dataset's own encoder: its rankings come from the stages of vectors and index."""

    type: Literal["dense"]

    @property
    def is_own_encoder(self) -> bool:
        """Whether this is the dataset's own encoder: it is."""
        return True

    def identify(self, inputs: RetrieverInputs) -> Mapping[str, Any]:
        """Nothing: what vectors depend on is kept with the vectors."""
        return {}

    def retrieve(self, inputs: RetrieverInputs, target: Path, depth: int) -> RetrieverReport:
        """Is not called: the dataset's own stages rank by its own encoder."""
        raise TypeError("the dataset's own encoder is searched by the stage `candidates`")
