"""faiss_index: the persisted index and its row -> document id map."""

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.assets.step import Step
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.retrieval.faiss_index import build_index
from hn_assets.store import layout as s


def build_faiss_index(graph: Graph) -> dg.AssetsDefinition:
    """The asset that keeps the index of a dataset's passages."""
    config_class = run_config_class(graph.settings.search, "index")

    @graph.asset(
        s.FAISS_INDEX.stage,
        "The FAISS index over the passages, and which document stands in which row.",
        deps=(s.CORPUS_EMBEDDINGS.stage,),
        kinds={"faiss"},
        settings={"index": graph.settings.search.index},
    )
    def faiss_index(
        context: dg.AssetExecutionContext,
        config: config_class,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        with graph.running(context, s.FAISS_INDEX.stage):
            settings = apply_run_config(graph.settings.search, config)
            step = Step(graph, context, s.FAISS_INDEX.stage)
            vectors_file = step.input(s.CORPUS_EMBEDDINGS.stage)
            step.depends_on(index=settings.index)
            if (current := step.current()) is not None:
                return current
            with step.publish() as draft:
                report = build_index(VectorTable(vectors_file), settings, draft.folder)
            return step.result(
                draft,
                {
                    "dagster/row_count": report.vectors,
                    "type": report.kind,
                    "vectors": report.vectors,
                    "dimension": report.dimension,
                    "index_bytes": report.bytes,
                    # kept in a form that opens anywhere; candidates says where it is searched
                    "built_on": "cpu",
                    "build_seconds": round(report.seconds, 3),
                },
            )

    return faiss_index
