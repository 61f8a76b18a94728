"""What the assets that mine read: the dataset as numbers, from the stages' files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hn_assets import stages as s
from hn_assets.assets.graph import Graph
from hn_assets.assets.step import Step
from hn_assets.encoding.vectors import VectorTable
from hn_assets.mining.calibration import Calibration
from hn_assets.mining.collection import Collection
from hn_assets.mining.hiding import Laboratory
from hn_assets.mining.pool import read_pools
from hn_assets.mining.texts import number_texts

if TYPE_CHECKING:
    import pandas as pd

INPUTS = (
    s.CORPUS,
    s.QUERIES,
    s.QRELS,
    s.CORPUS_EMBEDDINGS,
    s.QUERY_EMBEDDINGS,
    s.CANDIDATES,
)


def upstream(graph: Graph) -> tuple[str, ...]:
    """The stages after which candidates can be judged; `INPUTS` come before them."""
    judged_by = s.CALIBRATION if graph.settings.negatives.is_calibrated else s.QRELS
    return s.CANDIDATES, judged_by


@dataclass(frozen=True)
class Mine:
    """A dataset ready to be mined.

    Attributes:
        collection: documents, queries and judgements as numbers.
        queries: vectors.
        documents: vectors.
        query_table: id, text, split, prompt.
        with_title: whether a passage's text begins with its title.
    """

    collection: Collection
    queries: VectorTable
    documents: VectorTable
    query_table: "pd.DataFrame"
    with_title: bool


def read_inputs(step: Step) -> dict[str, Path]:
    """The verified files of `INPUTS`; what the step makes depends on them."""
    return {stage: step.input(stage) for stage in INPUTS}


def open_mine(graph: Graph, files: dict[str, Path], split: str) -> Mine:
    """Read what mining needs.

    Args:
        graph: of the dataset.
        files: from `read_inputs`.
        split: to be mined.

    Raises:
        StoreError: the stages are of different versions and do not fit together.
        MiningError: there is nothing to mine.
    """
    import pandas as pd

    queries, documents = (
        VectorTable(files[s.QUERY_EMBEDDINGS]),
        VectorTable(files[s.CORPUS_EMBEDDINGS]),
    )
    # as the model read the passages, which a run's configuration may have changed
    with_title = graph.store.stage(s.CORPUS_EMBEDDINGS).require().info["with_title"]
    texts = number_texts(
        files[s.CORPUS],
        files[s.QUERIES],
        with_title=with_title,
        document_ids=documents.ids,
        query_ids=queries.ids,
    )
    table = pd.read_parquet(files[s.QUERIES])
    qrels = pd.read_parquet(files[s.QRELS])
    collection = Collection.build(documents.ids, queries.ids, texts, table, qrels, split)
    return Mine(collection, queries, documents, table, with_title)


def open_laboratory(mine: Mine, files: dict[str, Path], seed: int) -> Laboratory:
    """The dataset ready for trials with hidden positives."""
    pools = read_pools(files[s.CANDIDATES], mine.collection)
    return Laboratory(pools, mine.collection, mine.queries, mine.documents, seed=seed)


def read_calibration(graph: Graph, step: Step) -> Calibration | None:
    """What the calibration of the dataset found; None where it has no target rate."""
    if not graph.settings.negatives.is_calibrated:
        return None
    kept = json.loads(step.input(s.CALIBRATION).read_text(encoding="utf-8"))
    return Calibration.from_json(kept)
