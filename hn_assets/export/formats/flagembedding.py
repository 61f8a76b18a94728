"""The format `flagembedding`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from hn_assets.export.base.examples import Examples
from hn_assets.export.base.format import ExportContext, Format, WrittenFiles
from hn_assets.export.base.row_files import write_json_lines


class FlagEmbedding(Format):
    """JSON Lines of query, pos and neg, and prompt if any query of the file has one.

    As soon as one line has a prompt, FlagEmbedding takes the prompt of every line in place of the
    trainer's `query_instruction_for_retrieval`, and puts the word "None" before the query of a
    line without one. The other lines therefore get an empty prompt. The same happens if a file with
    prompts and a file without are trained on together. No file can prevent that by itself, since
    writing empty prompts everywhere would switch the trainer's instruction off for everybody.
    """

    name: ClassVar = "flagembedding"
    description: ClassVar = "JSON Lines of query, pos, neg"
    files: ClassVar = {"flagembedding.jsonl": "`query`, `pos`, `neg`; `prompt` if a query has one"}
    with_teacher: ClassVar = "`pos_scores`, `neg_scores` as well"
    read_by: ClassVar = "FlagEmbedding's trainers, also with `--knowledge_distillation`"

    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write a line for each query."""
        (name,) = self.files
        return WrittenFiles({name: write_json_lines(folder / name, _rows(examples))})


def _rows(examples: Examples) -> Iterator[dict[str, Any]]:
    has_prompts = any(example.prompt is not None for example in examples)
    for example in examples:
        row: dict[str, Any] = {
            "query": example.query,
            "pos": [passage.text for passage in example.positives],
            "neg": [passage.text for passage in example.negatives],
        }
        if examples.has_teacher:
            row["pos_scores"] = [passage.teacher_score for passage in example.positives]
            row["neg_scores"] = [passage.teacher_score for passage in example.negatives]
        if has_prompts:
            row["prompt"] = example.prompt or ""
        yield row
