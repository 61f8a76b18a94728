"""The format `nemo`."""

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from hn_assets.export.base.examples import Examples
from hn_assets.export.base.format import ExportContext, Format, WrittenFiles
from hn_assets.export.base.row_files import write_parquet

TRAIN, CORPUS = "nemo.json", "nemo-corpus"
# AutoModel reads the split "train" of the folder, which `datasets` finds by the name of the file.
DOCUMENTS, METADATA = f"{CORPUS}/train.parquet", f"{CORPUS}/merlin_metadata.json"
DOCUMENT_COLUMNS = pa.schema([("id", pa.string()), ("text", pa.string())])


class NeMo(Format):
    """The retrieval JSON of NeMo AutoModel, which names documents by id, and its corpus.

    The JSON file is one object with two keys. `corpus` is a list of objects whose `path` is the
    folder of a corpus; a relative path starts from the folder of the JSON file. `data` is a list of
    records, each with `question_id`, `question`, `corpus_id`, and the lists `pos_doc` and
    `neg_doc`, whose members have the `id` of a document. All five keys are required, and `pos_doc`
    must not be empty.

    The folder of the corpus holds `merlin_metadata.json`, with the `class` that reads the documents
    (`TextQADataset` for text) and the `corpus_id` of the records, and a table that
    `datasets.load_dataset` finds as the split `train`, with the columns `id` and `text`. It holds
    the documents that the records name.

    A record has all positives of a query, the best grade first. AutoModel trains on the first of
    them, or on each in turn with `cycle_positive_docs: true`. It repeats the negatives of queries
    that have fewer than the others. Several JSON files can be trained on together if no two corpora
    have the same `corpus_id`, so the id is made from the content.

    Source: https://docs.nvidia.com/nemo/automodel/data/retrieval-dataset
    """

    name: ClassVar = "nemo"
    description: ClassVar = "JSON with the ids of the passages, and a folder with their texts"
    files: ClassVar = {
        TRAIN: (
            "`corpus`, `data`; a record of `data` has `question_id`, `question`, `corpus_id`, "
            "`pos_doc`, `neg_doc`"
        ),
        DOCUMENTS: "`id`, `text`",
        METADATA: "`class`, `corpus_id`",
    }
    read_by: ClassVar = "NeMo AutoModel: `RetrievalDatasetConfig`"

    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write a record for each query, and the documents that the records name."""
        (folder / CORPUS).mkdir(exist_ok=True)
        corpus_id = _identify(examples)
        documents = ({"id": doc_id, "text": text} for doc_id, text in examples.passages())
        metadata = {"class": "TextQADataset", "corpus_id": corpus_id}
        (folder / METADATA).write_text(json.dumps(metadata) + "\n", encoding="utf-8")
        return WrittenFiles(
            {
                TRAIN: _write_records(folder / TRAIN, examples, corpus_id),
                DOCUMENTS: write_parquet(folder / DOCUMENTS, DOCUMENT_COLUMNS, documents),
                METADATA: 1,
            }
        )


def _identify(examples: Examples) -> str:
    """An id of the corpus that differs if any text or any query differs."""
    digest = hashlib.sha256()
    for doc_id, text in examples.passages():
        digest.update(json.dumps([doc_id, text]).encode())
    for example in examples:
        digest.update(json.dumps([example.query_id, example.query]).encode())
    return f"corpus-{digest.hexdigest()[:16]}"


def _write_records(path: Path, examples: Examples, corpus_id: str) -> int:
    """Write the JSON file, a record a line, so that no more than one is in memory."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"corpus": [{json.dumps({"path": CORPUS})}], "data": [')
        for example in examples:
            record: dict[str, Any] = {
                "question_id": example.query_id,
                "question": example.query,
                "corpus_id": corpus_id,
                "pos_doc": [{"id": passage.id} for passage in example.positives],
                "neg_doc": [{"id": passage.id} for passage in example.negatives],
            }
            file.write((",\n" if count else "\n") + json.dumps(record, ensure_ascii=False))
            count += 1
        file.write("\n]}\n")
    return count
