"""faiss_index: the index of the passages, and which document stands in which row."""

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.retrieval.faiss_index import build_index
from hn_assets.store import Draft, layout


def make(context: StageContext, draft: Draft) -> Metadata:
    """Build the index from the vectors of the passages."""
    vectors = VectorTable(context.input(layout.CORPUS_EMBEDDINGS))
    report = build_index(vectors, context.settings.search, draft.folder)
    if report.in_memory:
        context.log.info(f"the index is of a kind that needs memory for all vectors: {report.kind}")
    return {
        "dagster/row_count": report.vectors,
        "type": report.kind,
        "vectors": report.vectors,
        "dimension": report.dimension,
        "index_bytes": report.bytes,
        # it is kept in a form that opens anywhere; candidates says on which device it is searched
        "built_on": "cpu",
        "built_in_memory": report.in_memory,
        "build_seconds": round(report.seconds, 3),
    }


STAGE = Stage(
    writes=(layout.FAISS_INDEX, layout.FAISS_INDEX_IDS),
    description="The FAISS index over the passages, and which document stands in which row.",
    make=make,
    version=1,
    reads=(layout.CORPUS_EMBEDDINGS,),
    settings=lambda settings: {"index": settings.search.index},
    kinds=lambda settings: {"faiss"},
)
