"""A training set as text: where its files lie, and some examples from them."""

from itertools import islice

from hn_assets.errors import StoreError
from hn_assets.export.examples import Examples
from hn_assets.export.writer import render
from hn_assets.store import DatasetStore
from hn_assets.store.layout import CORPUS, FILES, HARD_NEGATIVES, QRELS, QUERIES, TRAINING_SET


def render_training_set(store: DatasetStore, examples: int) -> str:
    """What lies where, and `examples` queries with a positive and three negatives each.

    Raises:
        StoreError: the dataset has no training set there.
    """
    stage = store.stage(TRAINING_SET)
    manifest = stage.require()
    lines = [f"Training files of {store.dataset}:"]
    for name, file in manifest.files.items():
        lines.append(f"  {stage.where(manifest.version)}/{name}  ({file['bytes']:,} bytes)")
    found = Examples(
        **{
            stage: store.stage(stage).file(FILES[stage])
            for stage in (CORPUS, QUERIES, QRELS, HARD_NEGATIVES)
        },
        split=manifest.info["split"],
        include_title=manifest.info["include_title"],
    )
    if not found:
        raise StoreError(f"the training set of {store.dataset} is empty")
    step = max(1, len(found) // max(examples, 1))
    for example in islice(found, 0, step * max(examples, 0), step):
        lines += ["", render(example)]
    return "\n".join(lines)
