"""The files that the stages of a dataset have published, and how one is replaced in one step.

`<root>/<dataset>/<stage>/manifest.json` names the files of the current version with their sizes
and checksums. The files lie beside it, in a folder that is named by their content, and `latest`
links to that folder. A copy of the manifest stands in for a damaged one. Under a URL, a lease says
which run may publish a stage. What the files contain, and how they are made, is not decided here.
"""

from hn_assets.store.dataset_store import DatasetStore, open_store
from hn_assets.store.draft import Draft
from hn_assets.store.holder import Holder
from hn_assets.store.manifest import Manifest
from hn_assets.store.stage_store import StageStore
from hn_assets.store.waiting import Waiting

__all__ = ["DatasetStore", "Draft", "Holder", "Manifest", "StageStore", "Waiting", "open_store"]
