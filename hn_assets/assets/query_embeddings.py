"""query_embeddings: a vector for every query."""

from hn_assets.pipeline.embedding_inputs import (
    embed_stage,
    encoding_settings,
    identify_encoding,
    record_vectors,
)
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.encoding import PASSAGE_SETTINGS
from hn_assets.store import Draft, layout


def make(context: StageContext, draft: Draft) -> Metadata:
    """Encode the queries that have no vector yet."""
    return embed_stage(context, draft, layout.QUERIES, "query")


STAGE = Stage(
    writes=(layout.QUERY_EMBEDDINGS,),
    description="A vector for every query, with its id; of instruction and text, if one is set.",
    make=make,
    version=1,
    reads=(layout.QUERIES,),
    settings=lambda settings: encoding_settings(settings, without=PASSAGE_SETTINGS),
    identify=lambda context: identify_encoding(context, "query"),
    published=record_vectors,
    kinds=lambda settings: {"torch", "arrow"},
    operation="embeddings",
    uses_device=True,
)
