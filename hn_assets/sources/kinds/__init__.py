"""One module per kind of source.

What belongs here: a module for each kind, with the settings class, a subclass of `SourceSettings`
whose `type` is a `Literal`, and the reader that the settings open; modules are discovered, so
adding a kind is adding a module. What does not: checks that hold for every source, which are in
`sources.ingest`.
"""

import sys

from hn_assets.discovery import subclasses_in
from hn_assets.sources.protocol import SourceSettings


def settings_classes() -> list[type[SourceSettings]]:
    """The settings class of every kind of source, by the names of their modules."""
    return subclasses_in(sys.modules[__name__], SourceSettings)
