"""One module per kind of source.

A module defines the settings class of its kind, a subclass of `SourceSettings` whose `type` is a
`Literal`, and the reader that the settings open. The modules are discovered: adding a kind is
adding a module, and nothing else.
"""

import sys

from hn_assets.discovery import subclasses_in
from hn_assets.sources.protocol import SourceSettings


def settings_classes() -> list[type[SourceSettings]]:
    """The settings class of every kind of source, by the names of their modules."""
    return subclasses_in(sys.modules[__name__], SourceSettings)
