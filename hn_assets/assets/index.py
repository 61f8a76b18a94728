"""faiss_index: the persisted index and its row -> document id map."""

import dagster as dg

from hn_assets.assets import graph as g
from hn_assets.assets.embeddings import VECTORS_FILE
from hn_assets.assets.run_config import apply_run_config, run_config_class
from hn_assets.encoding.vectors import VectorTable
from hn_assets.search.index import build_index


def build_faiss_index(graph: g.Graph) -> dg.AssetsDefinition:
    """The asset that keeps the index of a dataset's passages."""
    config_class = run_config_class(graph.settings.search, "index")

    @graph.asset(
        g.FAISS_INDEX,
        "The FAISS index over the passages, and which document stands in which row.",
        deps=(g.CORPUS_EMBEDDINGS,),
        kinds={"faiss"},
        code_version="1",
    )
    def faiss_index(
        config: config_class,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        with graph.explained_errors():
            settings = apply_run_config(graph.settings.search, config)
            upstream = graph.store.stage(g.CORPUS_EMBEDDINGS)
            vectors = VectorTable(upstream.file(VECTORS_FILE))
            with graph.store.stage(g.FAISS_INDEX).publish() as draft:
                report = build_index(vectors, settings, draft.folder)
                draft.info[g.CORPUS_EMBEDDINGS] = upstream.require().version
            return graph.result(
                g.FAISS_INDEX,
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
