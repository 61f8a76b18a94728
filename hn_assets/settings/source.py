"""The settings of the sources room: one class per `type`."""

from typing import Annotated, Literal

from pydantic import Field

from hn_assets.settings_base import Settings


class HubSource(Settings):
    """A BEIR-style dataset on the Hugging Face hub."""

    type: Literal["hub"]
    dataset: str = Field(
        min_length=1,
        description=(
            "dataset with the configurations `corpus` and `queries`, such as BeIR/scifact; or a "
            "local folder of the same layout"
        ),
    )
    qrels_dataset: str = Field(
        default="", description="dataset with the qrels; default: the same name + `-qrels`"
    )
    revision: str | None = Field(default=None, description="commit, tag or branch of `dataset`")
    qrels_revision: str | None = Field(default=None, description="the same of `qrels_dataset`")
    folder: str = Field(
        default="",
        description=(
            "a local folder in BEIR layout to read instead, where the hub cannot be reached; "
            "`HN_<DATASET>_FOLDER` in the environment sets it without an edit"
        ),
    )


class BeirSource(Settings):
    """A folder in BEIR layout: corpus.jsonl, queries.jsonl, qrels/<split>.tsv."""

    type: Literal["beir"]
    folder: str = Field(min_length=1, description="relative to the project's root, or absolute")


class FlagEmbeddingSource(Settings):
    """What hn_mine reads: JSONL lines with query, pos, and maybe neg and prompt."""

    type: Literal["flagembedding"]
    file: str = Field(min_length=1, description="the JSONL file of queries and positives")
    candidate_pool: str = Field(
        default="",
        description=(
            "JSONL file of passages (`text`) that negatives come from, beside the positives; "
            "default: all `pos` and `neg` of the file"
        ),
    )
    split: str = Field(default="train", min_length=1, description="what to call its one split")


class CorpusTable(Settings):
    """Where the documents are, and what their columns are called."""

    path: str = Field(min_length=1, description=".parquet, .csv, .tsv or .jsonl")
    id: str = Field(default="id", description="column of the ids")
    title: str = Field(default="", description="column of the titles; default: there is none")
    text: str = Field(default="text", description="column of the texts")


class QueriesTable(Settings):
    """Where the queries are, and what their columns are called."""

    path: str = Field(min_length=1, description=".parquet, .csv, .tsv or .jsonl")
    id: str = Field(default="id", description="column of the ids")
    text: str = Field(default="text", description="column of the texts")
    prompt: str = Field(default="", description="column of the prompts; default: there is none")


class QrelsTable(Settings):
    """Where the judgements are, and what their columns are called."""

    path: str = Field(min_length=1, description=".parquet, .csv, .tsv or .jsonl")
    query_id: str = Field(default="query_id", description="column of the query ids")
    doc_id: str = Field(default="doc_id", description="column of the document ids")
    score: str = Field(default="", description="column of the grades; default: every pair is 1")
    split: str = Field(default="", description="column of the splits; default: all one split")


class TableSource(Settings):
    """Parquet, CSV or JSONL tables with named columns."""

    type: Literal["table"]
    corpus: CorpusTable
    queries: QueriesTable
    qrels: QrelsTable
    split: str = Field(
        default="train", min_length=1, description="what to call the split of qrels without one"
    )


class PythonStdlibSource(Settings):
    """The running interpreter's own standard library: real text on any machine, offline."""

    type: Literal["python_stdlib"]
    documents: int = Field(default=6000, ge=100, description="about so many, chosen by hash")
    passage_lines: int = Field(
        default=8,
        ge=5,
        description="a longer function is cut into passages of so many lines, all positives",
    )
    seed: int = Field(default=42, ge=0, description="of the choice and of the test split")


SourceSettings = Annotated[
    HubSource | BeirSource | FlagEmbeddingSource | TableSource | PythonStdlibSource,
    Field(discriminator="type"),
]
