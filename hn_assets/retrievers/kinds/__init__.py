"""One module per kind of retriever.

What belongs here: a module for each kind, with its settings class, a subclass of
`RetrieverSettings` whose `type` is a `Literal`, and the retrieval that it starts; modules are
discovered, so adding a kind is adding a module. What does not: what several kinds share, which is
in `hn_assets.retrievers`.
"""

import sys

from hn_assets.discovery import subclasses_in
from hn_assets.retrievers.protocol import RetrieverSettings


def settings_classes() -> list[type[RetrieverSettings]]:
    """The settings class of every kind of retriever, by the names of their modules."""
    return subclasses_in(sys.modules[__name__], RetrieverSettings)
