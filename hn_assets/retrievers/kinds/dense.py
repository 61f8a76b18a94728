"""The retriever `dense`: vectors of an encoder, compared by inner product."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from hn_assets.encoding.embed_report import EmbedReport
from hn_assets.encoding.embed_texts import embed_texts
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.models.model_state import state_of_model
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.retrievers.candidates_file import CandidatesFile
from hn_assets.retrievers.document_ids import DocumentIds
from hn_assets.retrievers.protocol import (
    RetrieverInputs,
    RetrieverReport,
    RetrieverSettings,
    UsedVectors,
)
from hn_assets.retrievers.vector_search import write_nearest
from hn_assets.settings.encoding import PROMOTED, EncodingSettings


class DenseSettings(RetrieverSettings):
    """An encoder: the dataset's own, whose stages of vectors and index rank, or another one.

    Another encoder has no stages of vectors and index of its own. A text that it has read once is
    not encoded again; all queries are searched anew, exactly, whenever the corpus or the queries
    change.
    """

    type: Literal["dense"]
    encoding: EncodingSettings | None = Field(
        default=None,
        description=(
            "another encoder, with the keys of the section `encoding`, which also says whether it "
            "reads titles; default: the dataset's own encoder"
        ),
    )

    @field_validator("encoding")
    @classmethod
    def _is_not_promoted(cls, encoding: EncodingSettings | None) -> EncodingSettings | None:
        if encoding is not None and encoding.model == PROMOTED:
            raise ValueError(
                "the promoted model is for the dataset's own encoder: leave `encoding` of the "
                "retriever out, and set encoding.model"
            )
        return encoding

    @property
    def is_own_encoder(self) -> bool:
        """Whether this is the dataset's own encoder."""
        return self.encoding is None

    @property
    def has_model(self) -> bool:
        """Whether a model of its own computes."""
        return self.encoding is not None

    def state(self, base: Path) -> str:
        """The state of the other encoder's files, or its commit on the hub."""
        if self.encoding is None:
            return ""  # the dataset's own encoder is watched as such
        return state_of_model(self.encoding.model, self.encoding.revision)

    def identify(self, inputs: RetrieverInputs) -> Mapping[str, Any]:
        """All that the other encoder's vectors depend on, its weights above all."""
        if self.encoding is None:
            return {}  # what the vectors depend on is kept with them
        with LazyModel(self.encoding, inputs.compute, inputs.log) as model:
            return {kind: model.space(kind) for kind in ("passage", "query")}

    def retrieve(self, inputs: RetrieverInputs, target: Path, depth: int) -> RetrieverReport:
        """Encode what has no vector yet, and compare all queries with all passages.

        It is not called for the dataset's own encoder.
        """
        if self.encoding is None:
            raise TypeError("the dataset's own encoder is searched by the stages of its vectors")
        documents = DocumentIds(inputs.corpus)
        with (
            CandidatesFile(target, documents, depth) as file,
            # beside the target, where the store has room
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".dense-") as folder,
            LazyModel(self.encoding, inputs.compute, inputs.log) as model,
        ):

            def embed(source: Path, kind: Kind, what: str) -> tuple[VectorTable, EmbedReport]:
                vectors = Path(folder) / f"{what}.arrow"
                report = embed_texts(
                    source,
                    kind,
                    vectors,
                    model=model,
                    cache_folder=inputs.vector_cache or Path(folder) / "cache",
                    what=f"{self.label}, {what}",
                    log=inputs.log,
                    warn=inputs.warn,
                )
                return VectorTable(vectors), report

            passages, of_passages = embed(inputs.corpus, "passage", "passages")
            queries, of_queries = embed(inputs.queries, "query", "queries")
            device = write_nearest(passages, queries, file, inputs)
            return file.report(
                f"inner products of vectors of {model.identity.name}",
                {
                    "model": model.identity.name,
                    "weights": model.identity.weights,
                    "dimension": passages.dimension,
                    "texts_encoded": of_passages.encoded + of_queries.encoded,
                    "texts_reused": of_passages.reused + of_queries.reused,
                    "searched_on": device,
                },
                tuple(
                    UsedVectors(kind, report.space_folder, report.keys)
                    for kind, report in (("passages", of_passages), ("queries", of_queries))
                ),
            )
