"""The YAML section `source`: where corpus, queries and qrels come from.

The settings of each kind of source stand beside its reader, in `hn_assets.sources.kinds`.
"""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from hn_assets.sources.kinds import settings_classes
from hn_assets.sources.protocol import SourceSettings

if TYPE_CHECKING:
    AnySource = SourceSettings
else:
    # the YAML key `type` picks the class
    AnySource = Annotated[Union[tuple(settings_classes())], Field(discriminator="type")]  # noqa: UP007
