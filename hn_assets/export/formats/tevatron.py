"""The format `tevatron`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from hn_assets.export.base.examples import Examples, Passage
from hn_assets.export.base.format import ExportContext, Format, WrittenFiles
from hn_assets.export.base.row_files import write_json_lines


class Tevatron(Format):
    """JSON Lines as Tevatron's own training sets have them, with the passages in each line.

    A line has `query_id`, `query`, and the lists `positive_passages` and `negative_passages`. Each
    passage has `docid`, `title` and `text`. Tevatron joins title and text with a space if there is
    a title, so the titles are left out of all passages if the dataset's setting `include_title` is
    off. `score` is what Tevatron's `DistilTrainDataset` reads.

    Source: https://github.com/texttron/tevatron/blob/main/docs/datasets.md
    """

    name: ClassVar = "tevatron"
    description: ClassVar = "JSON Lines with ids, titles and texts of the passages"
    files: ClassVar = {
        "tevatron.jsonl": (
            "`query_id`, `query`, `positive_passages`, `negative_passages`; a passage has `docid`, "
            "`title`, `text`"
        )
    }
    with_teacher: ClassVar = "a passage has `score` as well"
    read_by: ClassVar = "Tevatron: `--dataset_name json --dataset_path tevatron.jsonl`"

    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write a line for each query."""
        (name,) = self.files
        return WrittenFiles({name: write_json_lines(folder / name, _rows(examples))})


def _rows(examples: Examples) -> Iterator[dict[str, Any]]:
    for example in examples:
        yield {
            "query_id": example.query_id,
            "query": example.query,
            "positive_passages": [_passage(examples, passage) for passage in example.positives],
            "negative_passages": [_passage(examples, passage) for passage in example.negatives],
        }


def _passage(examples: Examples, passage: Passage) -> dict[str, Any]:
    fields: dict[str, Any] = {"docid": passage.id}
    if examples.include_title:
        # All passages have the key, even without a title: the reader would fill in null, which
        # Tevatron cannot join with the text.
        fields["title"] = passage.title
    fields["text"] = passage.body
    if examples.has_teacher:
        fields["score"] = passage.teacher_score
    return fields
