"""teacher_scores: what a reranker says of the positives and of a shortlist of candidates."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.assets.graph import Graph
from hn_assets.assets.inputs import LoadedDataset, upstream
from hn_assets.assets.metadata import distribution, table
from hn_assets.assets.mining import MiningSession, rules
from hn_assets.assets.negatives import LIMITS
from hn_assets.assets.step import Step
from hn_assets.encoding.vectors.cache_pruning import record_generation
from hn_assets.encoding.vectors.vector_cache import VectorCache
from hn_assets.mining.data.candidate_block import read_candidate_blocks
from hn_assets.mining.data.text_ids import read_passages
from hn_assets.mining.miner import Miner
from hn_assets.reranking.model import (
    Reranker,
    RerankerIdentity,
    choose_precision,
    describe_space,
    identify_reranker,
)
from hn_assets.reranking.score_pairs import score_pairs
from hn_assets.settings.teacher import TeacherSettings
from hn_assets.store import layout as s
from hn_assets.store import tables
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5
# what the teacher reads, and how fast, is no part of what it says
NOT_CONTENT = {"batch_size", *LIMITS}


def build_teacher_scores(graph: Graph, settings: TeacherSettings) -> dg.AssetsDefinition:
    """The asset that scores with a reranker; for datasets with a teacher."""
    made_by = settings.model_dump(mode="json", exclude=NOT_CONTENT)
    count = settings.shortlist or 2 * graph.settings.mining.num_negatives

    @graph.asset(
        s.TEACHER_SCORES.stage,
        "What the teacher, a reranker, says of the positives and of the candidates on a shortlist.",
        deps=upstream(graph),
        kinds={"torch", "parquet"},
        settings={
            "teacher": made_by,
            "mining": graph.settings.mining.model_dump(mode="json", exclude={"on_shortage"}),
            "negatives": rules(graph.settings.filters),
        },
        computes=True,
    )
    def teacher_scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        import pandas as pd

        with graph.running(context, s.TEACHER_SCORES.stage):
            step = Step(graph, context, s.TEACHER_SCORES.stage)
            digging = MiningSession.start(graph, step, graph.settings.mining)
            compute = graph.compute(context)
            devices = compute.choose_devices()
            precision = choose_precision(devices, compute.precision)
            identity = identify_reranker(settings)
            space = describe_space(identity, settings, precision)
            step.depends_on(space=space, sigmoid=settings.sigmoid, shortlist=count)
            if (current := step.current()) is not None:
                return current
            mine = digging.open()
            miner = digging.shortlisting(count).miner(mine)
            pairs = pd.concat(_pairs(mine, miner, digging), ignore_index=True)
            texts = _read_pairs(digging, mine, pairs)
            cache = VectorCache(graph.store.vectors, space)
            loaded: list[Reranker] = []
            try:
                report = score_pairs(
                    texts,
                    cache=cache,
                    reranker=_loader(identity, settings, devices, precision, loaded),
                    what=step.stage,
                    log=step.log.info,
                )
            finally:
                for reranker in loaded:
                    reranker.close()
            scores = report.scores
            if settings.sigmoid:
                scores = (1 / (1 + np.exp(-scores.astype(np.float64)))).astype(np.float32)
            pairs = pairs.assign(score=scores)
            pairs = pairs.sort_values(
                ["query_id", "label", "doc_id"], ascending=[True, False, True]
            )
            with step.publish() as draft:
                kept = pa.Table.from_pandas(pairs, tables.TEACHER_SCORES, preserve_index=False)
                path = draft.path(s.TEACHER_SCORES.name)
                pq.write_table(kept.replace_schema_metadata(None), path, compression="zstd")
            assert draft.manifest is not None
            record_generation(cache, step.stage, draft.manifest.version, report.keys)
            positive = pairs.label == 1
            return step.result(
                draft,
                {
                    "dagster/row_count": len(pairs),
                    "teacher": identity.name,
                    "weights": identity.weights,
                    "device": ", ".join(devices),
                    "precision": precision,
                    "positives": int(positive.sum()),
                    "candidates": int((~positive).sum()),
                    "pairs_scored": report.scored,
                    "pairs_reused": report.reused,
                    "scoring_seconds": round(report.seconds, 2),
                    **distribution(pairs.score[positive].to_numpy(), "score_of_positives"),
                    **distribution(pairs.score[~positive].to_numpy(), "score_of_candidates"),
                    "highest_scored_candidates": _samples(pairs, texts),
                },
            )

    return teacher_scores


def _loader(
    identity: RerankerIdentity,
    settings: TeacherSettings,
    devices: list[str],
    precision: str,
    loaded: list[Reranker],
) -> Callable[[], Reranker]:
    def load() -> Reranker:
        loaded.append(Reranker(identity, settings, devices=devices, precision=precision))
        return loaded[-1]

    return load


def _pairs(mine: LoadedDataset, miner: Miner, digging: MiningSession) -> "Iterator[pd.DataFrame]":
    """Ids of what is to be scored, with label 1 for positives; some rows index each text."""
    collection = mine.collection
    for pool in read_candidate_blocks(digging.files[s.CANDIDATES.stage], collection):
        for mined in miner.mine(pool):
            query, rank = np.nonzero(mined.chosen)
            yield _name(mine, mined.block.queries[query], mined.block.documents[query, rank], 0)
    asked, positives = collection.positives.queries(), collection.positives.documents
    with_text = collection.texts.documents[positives] != collection.texts.empty
    which = collection.mined[asked] & with_text
    yield _name(mine, asked[which], positives[which], 1)


def _name(
    mine: LoadedDataset, queries: np.ndarray, documents: np.ndarray, label: int
) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "query_id": mine.collection.query_ids.take(pa.array(queries)).to_pylist(),
            "doc_id": mine.collection.document_ids.take(pa.array(documents)).to_pylist(),
            "label": np.full(len(queries), label, np.int8),
        }
    )


def _read_pairs(
    digging: MiningSession, mine: LoadedDataset, pairs: "pd.DataFrame"
) -> list[tuple[str, str]]:
    """The texts of the pairs: a passage as the encoder reads it."""
    wanted = set(pairs.doc_id)
    passages = {
        doc_id: text
        for doc_id, text in read_passages(
            digging.files[s.CORPUS.stage], include_title=mine.include_title
        )
        if doc_id in wanted
    }
    asked = dict(zip(mine.query_table.id, mine.query_table.text, strict=True))
    return [
        (asked[query], passages[doc])
        for query, doc in zip(pairs.query_id, pairs.doc_id, strict=True)
    ]


def _samples(pairs: "pd.DataFrame", texts: list[tuple[str, str]]) -> dg.MetadataValue | str:
    """Candidates that the teacher takes for relevant: labels that may be missing."""
    best = pairs[pairs.label == 0].nlargest(SHOWN, "score")
    return table(
        {
            "query": shorten(texts[int(row)][0], 120),
            "candidate": shorten(f"[{best.doc_id[row]}] {texts[int(row)][1]}", 120),
            "score": round(float(best.score[row]), 4),
        }
        for row in best.index
    )
