"""Where finished assets lie, and how one is replaced in a single step.

`<root>/<dataset>/<stage>/manifest.json` names the files of the current version, with sizes and
checksums; the files lie beside it in a folder named by their content, and `latest` links to it.
"""

from hn_assets.store.stage_store import Draft, Manifest, Stage, Store, open_store

__all__ = ["Draft", "Manifest", "Stage", "Store", "open_store"]
