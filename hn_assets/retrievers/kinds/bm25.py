"""The retriever `bm25`: documents that share words with a query."""

import difflib
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
from pydantic import Field, field_validator

from hn_assets.retrieval.ranking import queries_at_once
from hn_assets.retrievers.bm25.formulas import Formula, Method
from hn_assets.retrievers.bm25.index import Bm25Index
from hn_assets.retrievers.bm25.words import Vocabulary, stemmer_languages, stop_words_by_language
from hn_assets.retrievers.candidates_file import CandidatesFile
from hn_assets.retrievers.document_ids import DocumentIds
from hn_assets.retrievers.protocol import RetrieverInputs, RetrieverReport, RetrieverSettings
from hn_assets.store.schemas import read_rows
from hn_assets.text import passage_text


class Bm25Settings(RetrieverSettings):
    """Documents that share words with a query, scored by BM25 as bm25s computes it.

    Every document counts in the weight of every word, so that a change of the corpus ranks all
    queries anew.
    """

    type: Literal["bm25"]
    language: str = Field(
        default="english",
        description=(
            "the language whose endings are cut off, one that PyStemmer knows; `none`: words stay "
            "as they are"
        ),
    )
    stop_words: str | list[str] = Field(
        default="auto",
        description=(
            "words that do not count: a language that bm25s has a list for, `english_plus`, "
            "`none`, or the words themselves; `auto`: those of `language` if there is a list"
        ),
    )
    k1: float = Field(
        default=1.5, gt=0, description="how slowly a word that repeats stops to count more"
    )
    b: float = Field(
        default=0.75, ge=0, le=1, description="how much longer documents are held back"
    )
    delta: float = Field(
        default=0.5,
        ge=0,
        description="what `bm25l` and `bm25+` add for a word that occurs at all",
    )
    method: Method = Field(
        default="lucene", description="the variant of BM25, by bm25s's names for them"
    )

    @field_validator("language")
    @classmethod
    def _language_is_known(cls, language: str) -> str:
        return _known(language, ["none", *stemmer_languages()], "language")

    @field_validator("stop_words")
    @classmethod
    def _stop_words_are_known(cls, words: str | list[str]) -> str | list[str]:
        if isinstance(words, list):
            return [word.lower() for word in words]
        return _known(words, ["auto", "none", *stop_words_by_language()], "list of stop words")

    @property
    def is_lexical(self) -> bool:
        """It is."""
        return True

    @property
    def words_left_out(self) -> tuple[str, ...]:
        """The stop words themselves."""
        if isinstance(self.stop_words, list):
            return tuple(self.stop_words)
        name = self.language if self.stop_words == "auto" else self.stop_words
        return stop_words_by_language().get(name, ())

    def identify(self, inputs: RetrieverInputs) -> Mapping[str, Any]:
        """The releases of the libraries that stem words and name stop words."""
        return {name: version(name) for name in ("bm25s", "PyStemmer")}

    def retrieve(self, inputs: RetrieverInputs, target: Path, depth: int) -> RetrieverReport:
        """Count the words of the corpus, and rank for every query what shares a word with it."""
        vocabulary = Vocabulary(self.language, self.words_left_out)
        formula = Formula(self.method, self.k1, self.b, self.delta)
        documents = DocumentIds(inputs.corpus)
        at_once = queries_at_once(depth, 0, inputs.memory_mb)
        texts = (
            passage_text(row["title"], row["text"], include_title=inputs.include_title)
            for row in read_rows(inputs.corpus, ["title", "text"])
        )
        with (
            CandidatesFile(target, documents, depth) as file,
            # beside the target, where the store has room
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".bm25-") as folder,
            pq.ParquetFile(inputs.queries) as queries,
        ):
            index = Bm25Index.build(texts, vocabulary, formula, Path(folder), inputs.log)
            for batch in queries.iter_batches(at_once, columns=["id", "text"]):
                found = [
                    documents.best(rows, scores, depth)
                    for rows, scores in index.search(
                        batch.column("text").to_pylist(), inputs.memory_mb
                    )
                ]
                file.write(batch.column("id"), *zip(*found, strict=True))
                inputs.log(f"ranked {file.queries:,} of {queries.metadata.num_rows:,} queries")
            report = file.report(
                f"BM25 ({self.method}), k1 {self.k1:g}, b {self.b:g}",
                {"words": vocabulary.size, "stemmed_as": self.language},
            )
        if report.queries_without_candidates:
            inputs.warn(
                f"{report.queries_without_candidates:,} of {report.queries:,} queries share no "
                f"word with any document, so that {self.label} finds nothing for them"
            )
        return report


def _known(name: str, names: list[str], what: str) -> str:
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    raise ValueError(
        f"there is no {what} of this name"
        + (f" (did you mean {near[0]!r}?)" if near else "")
        + f"; there are: {', '.join(sorted(names))}"
    )
