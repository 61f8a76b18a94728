"""The retriever `vectors`: vectors of your own, from files."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import Self

from hn_assets.errors import RetrieverError, SourceError
from hn_assets.hashing import sha256_of
from hn_assets.retrievers.candidates_file import CandidatesFile
from hn_assets.retrievers.document_ids import DocumentIds, read_ids
from hn_assets.retrievers.own_vectors import OwnVectors, read_own_vectors
from hn_assets.retrievers.protocol import RetrieverInputs, RetrieverReport, RetrieverSettings
from hn_assets.retrievers.vector_search import write_nearest

_FILE = (
    "vectors of the {}: a table (.parquet, .arrow, .feather) with the columns id and vector, or an "
    ".npy file of shape (texts, dimension)"
)
_IDS = "the ids of an .npy file's rows: a text file with one on each line"


class VectorsSettings(RetrieverSettings):
    """Vectors of your own for documents and queries, compared by inner product with all others.

    Every text of the dataset needs one; vectors of other texts are not used. All queries are
    searched anew whenever a file, the corpus or the queries change.
    """

    type: Literal["vectors"]
    corpus: str = Field(min_length=1, description=_FILE.format("documents"))
    corpus_ids: str = Field(default="", description=_IDS)
    queries: str = Field(min_length=1, description=_FILE.format("queries"))
    queries_ids: str = Field(default="", description=_IDS)
    normalize: bool = Field(
        default=True,
        description="vectors are brought to length 1: scores are cosines; false: inner products",
    )

    @model_validator(mode="after")
    def _arrays_have_ids(self) -> Self:
        for name, path, ids in (
            ("corpus", self.corpus, self.corpus_ids),
            ("queries", self.queries, self.queries_ids),
        ):
            is_array = path.lower().endswith(".npy")
            if is_array and not ids:
                raise ValueError(f"{name} is an .npy file: name the file of its ids as {name}_ids")
            if ids and not is_array:
                raise ValueError(f"{name}_ids is for an .npy file; a table has its ids as column")
        return self

    def external_files(self, base: Path) -> list[Path]:
        """The files of vectors and those of their ids."""
        return list(self._paths(base).values())

    def identify(self, inputs: RetrieverInputs) -> Mapping[str, Any]:
        """The hashes of the files."""
        return {name: sha256_of(path) for name, path in self._files(inputs).items()}

    def retrieve(self, inputs: RetrieverInputs, target: Path, depth: int) -> RetrieverReport:
        """Bring the vectors into the dataset's order, and compare all of them."""
        files = self._files(inputs)
        documents = DocumentIds(inputs.corpus)
        with (
            CandidatesFile(target, documents, depth) as file,
            # beside the target, where the store has room
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".vectors-") as folder,
        ):

            def read(name: str, wanted: pa.Array, what: str) -> OwnVectors:
                try:
                    return read_own_vectors(
                        files[name],
                        files.get(f"{name}_ids"),
                        wanted,
                        what,
                        Path(folder) / f"{name}.npy",
                        normalize=self.normalize,
                    )
                except SourceError as error:
                    raise RetrieverError(str(error)) from error

            passages = read("corpus", documents.ids, "document")
            asked = read("queries", read_ids(inputs.queries), "query")
            if passages.vectors.dimension != asked.vectors.dimension:
                raise RetrieverError(
                    f"{files['corpus']} has vectors of {passages.vectors.dimension} components, "
                    f"{files['queries']} of {asked.vectors.dimension}: they are of two models. "
                    f"Encode both with one"
                )
            device = write_nearest(passages.vectors, asked.vectors, file, inputs)
            return file.report(
                "cosines" if self.normalize else "inner products",
                {
                    "dimension": passages.vectors.dimension,
                    "searched_on": device,
                    "vectors_of_no_document": passages.unused,
                    "vectors_of_no_query": asked.unused,
                },
            )

    def _files(self, inputs: RetrieverInputs) -> dict[str, Path]:
        files = self._paths(inputs.base)
        for name, path in files.items():
            if not path.is_file():
                raise RetrieverError(
                    f"{path} is not there, which {self.label} is to read; write the vectors there, "
                    f"or set `{name}` of the retriever to where they are"
                )
        return files

    def _paths(self, base: Path) -> dict[str, Path]:
        """The files that are named, by their settings."""
        names = ("corpus", "corpus_ids", "queries", "queries_ids")
        given = {name: getattr(self, name) for name in names}
        return {name: base / Path(path).expanduser() for name, path in given.items() if path}
