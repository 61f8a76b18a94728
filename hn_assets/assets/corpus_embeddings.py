"""corpus_embeddings: a vector for every document."""

from hn_assets.pipeline.embedding_inputs import (
    embed_stage,
    encoding_settings,
    identify_encoding,
    record_vectors,
)
from hn_assets.pipeline.metadata import Metadata
from hn_assets.pipeline.stage import Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.settings.encoding import QUERY_SETTINGS
from hn_assets.store import Draft, layout


def make(context: StageContext, draft: Draft) -> Metadata:
    """Encode the documents that have no vector yet."""
    return embed_stage(context, draft, layout.CORPUS, "passage")


STAGE = Stage(
    writes=(layout.CORPUS_EMBEDDINGS,),
    description="A vector for every document, with its id.",
    make=make,
    version=1,
    reads=(layout.CORPUS,),
    settings=lambda settings: encoding_settings(settings, without=QUERY_SETTINGS),
    identify=lambda context: identify_encoding(context, "passage"),
    published=record_vectors,
    kinds=lambda settings: {"torch", "arrow"},
    operation="embeddings",
    uses_device=True,
)
