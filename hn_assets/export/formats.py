"""One writer per format. Columns are the same for every dataset, so files can be combined.

Where a teacher scored the passages, its scores stand in further columns, or in place of the labels:
as sentence-transformers' losses for distillation take them.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.export.examples import Example

# whichever is reached first ends a row group; long documents would make groups of gigabytes
ROWS_PER_GROUP = 5_000
CHARACTERS_PER_GROUP = 16_000_000

TRIPLET = [(name, pa.string()) for name in ("anchor", "positive", "negative")]
LABELED_PAIR = [("anchor", pa.string()), ("passage", pa.string())]
LABELED_LIST = [("anchor", pa.string()), ("passages", pa.list_(pa.string()))]
LABEL, SCORE = ("label", pa.int64()), ("score", pa.float32())
LABELS, SCORES = ("labels", pa.list_(pa.int64())), ("scores", pa.list_(pa.float32()))
IDS = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("label", pa.int8()),
        ("score", pa.float32()),
        ("rank", pa.int32()),
        ("grade", pa.int32()),
        # the teacher's score; null where there is no teacher
        ("teacher", pa.float32()),
    ]
)


def write_flagembedding(path: Path, examples: Iterable[Example], *, teacher: bool) -> int:
    """JSONL of query, pos and neg, and prompt if any query of the file has one.

    With a teacher also pos_scores and neg_scores, which `--knowledge_distillation` needs.

    As soon as one line has a prompt, FlagEmbedding takes the prompt of every line in place of the
    trainer's `query_instruction_for_retrieval`, and puts the word "None" before the query where
    there is none: so the other lines get an empty one then. The same happens when a file with
    prompts and a file without are trained on together; no file can prevent that by itself, since
    writing empty prompts everywhere would switch the trainer's instruction off for everybody.
    """
    has_prompts = any(example.prompt is not None for example in examples)
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for example in examples:
            row: dict[str, Any] = {
                "query": example.query,
                "pos": [passage.text for passage in example.positives],
                "neg": [passage.text for passage in example.negatives],
            }
            if teacher:
                row["pos_scores"] = [passage.teacher for passage in example.positives]
                row["neg_scores"] = [passage.teacher for passage in example.negatives]
            if has_prompts:
                row["prompt"] = example.prompt or ""
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def write_triplets(path: Path, examples: Iterable[Example], *, teacher: bool) -> int:
    """Parquet of anchor, positive, negative: a row for every pair of the two.

    With a teacher also scores: that of the positive and that of the negative (MarginMSELoss).
    """
    rows = (
        {
            "anchor": e.query,
            "positive": positive.text,
            "negative": negative.text,
            "scores": [positive.teacher, negative.teacher],
        }
        for e in examples
        for positive in e.positives
        for negative in e.negatives
    )
    return write_parquet(path, pa.schema([*TRIPLET, *([SCORES] if teacher else [])]), rows)


def write_n_tuples(
    path: Path, examples: Iterable[Example], negatives: int, *, teacher: bool
) -> int:
    """Parquet of anchor, positive, negative_1 to negative_n: a row for every positive.

    With a teacher also scores: that of the positive, then those of the negatives. The shape has no
    room for fewer negatives: queries that are short are not in this file.
    """
    names = [f"negative_{i}" for i in range(1, negatives + 1)]
    columns = [(name, pa.string()) for name in ("anchor", "positive", *names)]
    schema = pa.schema([*columns, *([SCORES] if teacher else [])])
    rows = (
        {
            "anchor": example.query,
            "positive": positive.text,
            **{name: p.text for name, p in zip(names, example.negatives, strict=False)},
            "scores": [p.teacher for p in (positive, *example.negatives[:negatives])],
        }
        for example in examples
        if len(example.negatives) >= negatives
        for positive in example.positives
    )
    return write_parquet(path, schema, rows)


def write_labeled_pairs(path: Path, examples: Iterable[Example], *, teacher: bool) -> int:
    """Parquet of anchor, passage, label (1 for a positive): a row for every passage.

    With a teacher its score stands in place of the label.
    """
    rows = (
        {
            "anchor": example.query,
            "passage": passage.text,
            "label": label,
            "score": passage.teacher,
        }
        for example in examples
        for label, passages in ((1, example.positives), (0, example.negatives))
        for passage in passages
    )
    return write_parquet(path, pa.schema([*LABELED_PAIR, SCORE if teacher else LABEL]), rows)


def write_labeled_lists(path: Path, examples: Iterable[Example], *, teacher: bool) -> int:
    """Parquet of anchor, passages, labels: a row for every positive, it first, then the negatives.

    So it is in sentence-transformers' `mine_hard_negatives`: exactly one passage of a row is right.
    With a teacher its scores stand in place of the labels.
    """
    rows = (
        {
            "anchor": example.query,
            "passages": [positive.text, *(passage.text for passage in example.negatives)],
            "labels": [1] + [0] * len(example.negatives),
            "scores": [p.teacher for p in (positive, *example.negatives)],
        }
        for example in examples
        for positive in example.positives
    )
    return write_parquet(path, pa.schema([*LABELED_LIST, SCORES if teacher else LABELS]), rows)


def write_ids(path: Path, examples: Iterable[Example]) -> int:
    """The side table: ids, scores, ranks and grades of every passage in the other files."""
    rows = (
        {
            "query_id": example.query_id,
            "doc_id": passage.id,
            "label": label,
            "score": passage.score,
            "rank": passage.rank,
            "grade": passage.grade,
            "teacher": passage.teacher,
        }
        for example in examples
        for label, passages in ((1, example.positives), (0, example.negatives))
        for passage in passages
    )
    return write_parquet(path, IDS, rows)


def write_parquet(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows in groups bounded by rows and by characters; returns how many rows there were.

    What a row has beyond the schema is left out.
    """
    count = 0
    block: list[dict[str, Any]] = []
    characters = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for row in rows:
            block.append(row)
            characters += _count_characters(row)
            count += 1
            if len(block) == ROWS_PER_GROUP or characters >= CHARACTERS_PER_GROUP:
                writer.write_table(pa.Table.from_pylist(block, schema=schema))
                block, characters = [], 0
        if block:
            writer.write_table(pa.Table.from_pylist(block, schema=schema))
    return count


def _count_characters(row: dict[str, Any]) -> int:
    total = 0
    for value in row.values():
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, list):
            total += sum(len(item) for item in value if isinstance(item, str))
    return total
