"""The files that the stages of a dataset have published, and how one is replaced in one step.

`<root>/<dataset>/<stage>/manifest.json` names the files of the current version with their sizes
and checksums. The files lie beside it, in a folder that is named by their content, and `latest`
links to that folder. What the files contain, and how they are made, is not decided here.
"""

from hn_assets.store.stage_store import Draft, Manifest, Stage, Store, open_store

__all__ = ["Draft", "Manifest", "Stage", "Store", "open_store"]
