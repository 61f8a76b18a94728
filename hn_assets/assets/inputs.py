"""What the assets that mine read: the dataset as numbers, from the stages' files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hn_assets.assets.graph import Graph
from hn_assets.assets.step import Step
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.mining.data.candidate_block import read_candidate_blocks
from hn_assets.mining.data.indexed_dataset import IndexedDataset
from hn_assets.mining.data.text_ids import number_texts
from hn_assets.mining.holdout.calibration import Calibration
from hn_assets.mining.holdout.holdout import Holdout
from hn_assets.store import layout as s

if TYPE_CHECKING:
    import pandas as pd

INPUTS = (
    s.CORPUS.stage,
    s.QUERIES.stage,
    s.QRELS.stage,
    s.CORPUS_EMBEDDINGS.stage,
    s.QUERY_EMBEDDINGS.stage,
    s.CANDIDATES.stage,
)


def upstream(graph: Graph) -> tuple[str, ...]:
    """The stages after which candidates can be judged; `INPUTS` come before them."""
    judged_by = s.CALIBRATION.stage if graph.settings.filters.is_calibrated else s.QRELS.stage
    return s.CANDIDATES.stage, judged_by


@dataclass(frozen=True)
class LoadedDataset:
    """A dataset ready to be mined.

    Attributes:
        collection: documents, queries and judgements as numbers.
        queries: vectors.
        documents: vectors.
        query_table: id, text, split, prompt.
        include_title: whether a passage's text begins with its title.
    """

    collection: IndexedDataset
    queries: VectorTable
    documents: VectorTable
    query_table: "pd.DataFrame"
    include_title: bool


def read_inputs(step: Step) -> dict[str, Path]:
    """The verified files of `INPUTS`; what the step makes depends on them."""
    return {stage: step.input(stage) for stage in INPUTS}


def load_dataset(graph: Graph, files: dict[str, Path], split: str) -> LoadedDataset:
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
        VectorTable(files[s.QUERY_EMBEDDINGS.stage]),
        VectorTable(files[s.CORPUS_EMBEDDINGS.stage]),
    )
    # as the model read the passages, which a run's configuration may have changed
    include_title = graph.store.stage(s.CORPUS_EMBEDDINGS.stage).require().info["include_title"]
    texts = number_texts(
        files[s.CORPUS.stage],
        files[s.QUERIES.stage],
        include_title=include_title,
        document_ids=documents.ids,
        query_ids=queries.ids,
    )
    table = pd.read_parquet(files[s.QUERIES.stage])
    qrels = pd.read_parquet(files[s.QRELS.stage])
    collection = IndexedDataset.build(documents.ids, queries.ids, texts, table, qrels, split)
    return LoadedDataset(collection, queries, documents, table, include_title)


def open_holdout(mine: LoadedDataset, files: dict[str, Path], seed: int) -> Holdout:
    """The dataset ready for trials with hidden positives."""
    pools = read_candidate_blocks(files[s.CANDIDATES.stage], mine.collection)
    return Holdout(pools, mine.collection, mine.queries, mine.documents, seed=seed)


def read_calibration(graph: Graph, step: Step) -> Calibration | None:
    """What the calibration of the dataset found; None where it has no target rate."""
    if not graph.settings.filters.is_calibrated:
        return None
    kept = json.loads(step.input(s.CALIBRATION.stage).read_text(encoding="utf-8"))
    return Calibration.from_json(kept)
