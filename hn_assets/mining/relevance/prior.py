"""What is known of relevance before anything is known of a dataset: the model that ships.

It was fitted on public collections of which all but one positive of each query were hidden, so it
serves where each query has one known positive. There are two: `prior.json` beside this module, and
`prior_with_lexical_rank.json` for candidates that a retriever has ranked by words. Each file says
on which collections it was fitted, by which command, and how wrong it was about collections that it
had not seen. A dataset's own labels sharpen it: see `RelevanceModel.fit`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hn_assets.mining.relevance.logistic_model import RelevanceModel

FILE, FILE_WITH_LEXICAL_RANK = "prior.json", "prior_with_lexical_rank.json"


class RelevancePrior(BaseModel):
    """A model of relevance with how much it differs between collections.

    Attributes:
        model: The model.
        spread: The standard deviation of each weight between collections.
        rate_factor: By which factor estimated rates were wrong on collections that the model had
            not seen: the root mean square, on a logarithmic scale.
        provenance: The collections, the encoder, counts, the command, and what was measured on
            collections that the model had not seen.
    """

    model_config = ConfigDict(frozen=True)

    model: RelevanceModel
    spread: tuple[float, ...]
    rate_factor: float
    provenance: dict[str, Any]

    def fit(
        self,
        values: NDArray[np.float32],
        relevant: NDArray[np.bool_],
        unlabelled_per_positive: float = 1.0,
        weights: NDArray[np.float64] | None = None,
    ) -> RelevanceModel:
        """The model after some candidates were seen.

        Args:
            values: float32, (candidates, inputs).
            relevant: Which candidates are known to be relevant; bool, (candidates,).
            unlabelled_per_positive: How many relevant candidates count as irrelevant, since nobody
                labelled them, for each one that is known. The more there are, the less the labels
                say.
            weights: How often each candidate counts; once if it is None.
        """
        spread = np.array(self.spread) / np.sqrt(max(unlabelled_per_positive, 1.0))
        return self.model.fit(values, relevant, spread, weights)


@cache
def shipped_prior(*, with_lexical_rank: bool = False) -> RelevancePrior:
    """The prior that comes with the package.

    Args:
        with_lexical_rank: Whether the model reads the lexical rank, too.
    """
    file = FILE_WITH_LEXICAL_RANK if with_lexical_rank else FILE
    text = resources.files("hn_assets.mining.relevance").joinpath(file).read_text(encoding="utf-8")
    return RelevancePrior.model_validate_json(text)
