"""The YAML section `retrievers`: what finds the candidates, if it is not the encoder alone.

The settings of each kind of retriever stand beside its code, in `hn_assets.retrievers.kinds`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from hn_assets.retrievers.kinds import settings_classes
from hn_assets.retrievers.protocol import RetrieverSettings

if TYPE_CHECKING:
    AnyRetriever = RetrieverSettings
else:
    # the YAML key `type` picks the class
    AnyRetriever = Annotated[Union[tuple(settings_classes())], Field(discriminator="type")]  # noqa: UP007

# what the dataset's own encoder is called as a retriever, unless it is given another name
OWN_ENCODER = "dense"
# the ledger tells every combination of retrievers apart, with one byte for each candidate
MOST_RETRIEVERS = 6
# what stands beside the names of retrievers, as a source or as an order
_RESERVED = ("random", "auto", "reciprocal_rank_fusion")


def is_encoder_alone(retrievers: Sequence[RetrieverSettings]) -> bool:
    """Whether the dataset's own encoder is all there is, under its usual name."""
    return all(one.is_own_encoder and one.label == OWN_ENCODER for one in retrievers)


def check_retrievers(retrievers: Sequence[RetrieverSettings]) -> None:
    """Refuse names that are used twice or mean something else, and one encoder as two retrievers.

    Raises:
        ValueError: The section cannot work.
    """
    labels = [one.label for one in retrievers]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(
                f"two retrievers are called {label!r}: give one of them another `name`, which its "
                f"asset, its columns and its quota then have"
            )
        if label in _RESERVED:
            raise ValueError(f"a retriever cannot be called {label!r}: choose another `name`")
    own = [one.label for one in retrievers if one.is_own_encoder]
    if len(own) > 1:
        raise ValueError(
            f"{' and '.join(own)} are both the dataset's own encoder: leave one of them out, or "
            f"name another encoder in its `encoding`"
        )
