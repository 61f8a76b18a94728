"""Write the training files of one split, and report what is in them and what is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from hn_assets.errors import SettingsError
from hn_assets.export.base.examples import Example, Examples
from hn_assets.export.base.format import ExportContext
from hn_assets.export.base.ids import write_ids
from hn_assets.export.formats import FORMATS
from hn_assets.store import layout
from hn_assets.text import shorten


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        files: The number of rows and of bytes of each file, by its name below the folder.
        queries_exported: Number of queries in the files.
        queries_without_negatives: Number of queries with positives that have no hard negative.
        queries_without_positives: Number of queries with hard negatives that have no positive with
            text in the split.
        queries_left_out: Number of exported queries that are missing in a format since it cannot
            hold them, by the name of the format. Formats that hold all queries are not named.
        blank_positives: Number of positives that were left out since they have no text.
        suspect_positives: Number of positives that were left out as too suspicious.
        relabelled: Number of negatives that a judge's verdict made positives.
        dropped: Number of negatives that a judge's verdict left out.
        positives: Number of positives in the files.
        negatives: Number of negatives in the files.
        example: The first query with a positive and some negatives, to read.
    """

    files: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    queries_exported: int = 0
    queries_without_negatives: int = 0
    queries_without_positives: int = 0
    queries_left_out: Mapping[str, int] = field(default_factory=dict)
    blank_positives: int = 0
    suspect_positives: int = 0
    relabelled: int = 0
    dropped: int = 0
    positives: int = 0
    negatives: int = 0
    example: str = ""


def export_training_set(
    folder: Path,
    *,
    corpus: Path,
    queries: Path,
    qrels: Path,
    hard_negatives: Path,
    split: str,
    num_negatives: int,
    include_title: bool,
    teacher_scores: Path | None = None,
    suspects: Path | None = None,
    judged: Path | None = None,
    formats: Sequence[str],
) -> ExportReport:
    """Write the formats asked for and the side table of ids into `folder`.

    The same inputs, whatever the order of their rows, give the same bytes.

    Args:
        folder: An existing folder. Files of the same names are replaced.
        corpus: Parquet file with the columns of `schemas.CORPUS`.
        queries: Parquet file with the columns of `schemas.QUERIES`.
        qrels: Parquet file with the columns of `schemas.QRELS`.
        hard_negatives: Parquet file with the columns of `schemas.HARD_NEGATIVES`.
        split: The split whose positives are exported.
        num_negatives: How many negatives were asked for per query.
        include_title: Whether a passage's text begins with its title.
        teacher_scores: Parquet file with the columns of `schemas.TEACHER_SCORES`, or None if there
            is no teacher.
        suspects: Parquet file with the columns of `schemas.SUSPECT_POSITIVES`, or None if every
            positive is exported.
        judged: Parquet file with the columns of `schemas.JUDGE_VERDICTS`, or None if there is no
            judge.
        formats: Names of formats, as in `FORMATS`.

    Raises:
        SettingsError: A format needs a teacher and there is none.
        StoreError: The inputs are of different versions and do not fit together.
    """
    if teacher_scores is None:
        check_teacher(formats)
    examples = Examples(
        corpus=corpus,
        queries=queries,
        qrels=qrels,
        hard_negatives=hard_negatives,
        split=split,
        include_title=include_title,
        teacher_scores=teacher_scores,
        suspects=suspects,
        judged=judged,
    )
    context = ExportContext(num_negatives=num_negatives)
    rows: dict[str, int] = {}
    queries_left_out: dict[str, int] = {}
    for name in formats:
        written = FORMATS[name].write(folder, examples, context)
        rows.update(written.rows)
        if written.queries_left_out:
            queries_left_out[name] = written.queries_left_out
    ids = layout.TRAINING_SET.name
    rows[ids] = write_ids(folder / ids, examples)
    return ExportReport(
        files={
            name: {"rows": count, "bytes": (folder / name).stat().st_size}
            for name, count in rows.items()
        },
        queries_exported=len(examples),
        queries_without_negatives=examples.queries_without_negatives,
        queries_without_positives=examples.queries_without_positives,
        queries_left_out=queries_left_out,
        blank_positives=examples.blank_positives,
        suspect_positives=examples.suspect_positives,
        relabelled=examples.relabelled,
        dropped=examples.dropped,
        positives=examples.positives,
        negatives=examples.negatives,
        example="".join(render(example) for example in islice(examples, 1)),
    )


def check_teacher(formats: Sequence[str]) -> None:
    """Refuse formats that cannot be written without a teacher's scores.

    Raises:
        SettingsError: One of the formats needs a teacher.
    """
    for name in formats:
        if FORMATS[name].needs_teacher:
            raise SettingsError(
                f"the export format {name} needs the scores of a teacher: add a section teacher to "
                f"the dataset, or take {name} out of export.formats"
            )


def render(example: Example, negatives: int = 3, characters: int = 160) -> str:
    """An example as a few lines that a person can read.

    Args:
        example: The example.
        negatives: At most how many negatives are shown.
        characters: The length at which texts are cut.
    """
    lines = [f"query     {shorten(example.query, characters)}"]
    first = example.positives[0]
    score = "" if first.score is None else f"{first.score:.3f}  "
    lines.append(f"positive  {score}{shorten(first.text, characters)}")
    lines += [
        f"negative  {passage.score:.3f}  {shorten(passage.text, characters)}"
        for passage in example.negatives[:negatives]
    ]
    return "\n".join(lines)
