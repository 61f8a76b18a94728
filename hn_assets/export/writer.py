"""Write the training files of one split, and report what is in them and what is not."""

from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from hn_assets.export import formats
from hn_assets.export.examples import Example, Examples
from hn_assets.settings.export import ExportSettings
from hn_assets.text import shorten

IDS_FILE = "ids.parquet"
FLAGEMBEDDING_FILE = "flagembedding.jsonl"


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        files: rows and bytes of each file, by name.
        queries_exported: queries in the files.
        queries_without_negatives: queries with positives for which nothing was mined.
        queries_without_positives: mined queries that have no positive with text in the split.
        queries_short_of_n_tuples: queries with too few negatives for the n-tuple file.
        blank_positives: positives without text, left out.
        positives: in the files.
        negatives: in the files.
        example: the first query, to read.
    """

    files: dict[str, dict[str, int]] = field(default_factory=dict)
    queries_exported: int = 0
    queries_without_negatives: int = 0
    queries_without_positives: int = 0
    queries_short_of_n_tuples: int = 0
    blank_positives: int = 0
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
    negatives: int,
    include_title: bool,
    teacher_scores: Path | None = None,
    settings: ExportSettings,
) -> ExportReport:
    """Write the formats asked for and the side table of ids into `folder`.

    The same inputs, whatever the order of their rows, give the same bytes.

    Args:
        folder: to write to; it must be there. Files of the same names are replaced.
        corpus: Parquet file of the documents; so for the other three inputs.
        queries: with the columns of `tables.QUERIES`.
        qrels: with the columns of `tables.QRELS`.
        hard_negatives: with the columns of `tables.HARD_NEGATIVES`.
        split: whose positives are exported.
        negatives: how many were asked for per query: the width of n-tuples.
        include_title: whether a passage's text begins with its title.
        teacher_scores: with the columns of `tables.TEACHER_SCORES`; None without a teacher.
        settings: the formats.

    Raises:
        StoreError: the inputs are of different versions and do not fit together.
    """
    examples = Examples(
        corpus=corpus,
        queries=queries,
        qrels=qrels,
        hard_negatives=hard_negatives,
        split=split,
        include_title=include_title,
        teacher_scores=teacher_scores,
    )
    teacher = examples.has_teacher
    writers = {
        "flagembedding": (
            FLAGEMBEDDING_FILE,
            partial(formats.write_flagembedding, teacher=teacher),
        ),
        "triplet": ("triplet.parquet", partial(formats.write_triplets, teacher=teacher)),
        "n-tuple": (
            "n-tuple.parquet",
            partial(formats.write_n_tuples, negatives=negatives, teacher=teacher),
        ),
        "labeled-pair": (
            "labeled-pair.parquet",
            partial(formats.write_labeled_pairs, teacher=teacher),
        ),
        "labeled-list": (
            "labeled-list.parquet",
            partial(formats.write_labeled_lists, teacher=teacher),
        ),
    }
    files: dict[str, dict[str, int]] = {}
    for name, write in [*(writers[f] for f in settings.formats), (IDS_FILE, formats.write_ids)]:
        rows = write(folder / name, examples)
        files[name] = {"rows": rows, "bytes": (folder / name).stat().st_size}
    short = examples.count_short(negatives) if "n-tuple" in settings.formats else 0
    return ExportReport(
        files=files,
        queries_exported=len(examples),
        queries_without_negatives=examples.queries_without_negatives,
        queries_without_positives=examples.queries_without_positives,
        queries_short_of_n_tuples=short,
        blank_positives=examples.blank_positives,
        positives=examples.positives,
        negatives=examples.negatives,
        example="".join(render(example) for example in islice(examples, 1)),
    )


def render(example: Example, negatives: int = 3, characters: int = 160) -> str:
    """An example as a few lines a person can read."""
    lines = [f"query     {shorten(example.query, characters)}"]
    first = example.positives[0]
    score = "" if first.score is None else f"{first.score:.3f}  "
    lines.append(f"positive  {score}{shorten(first.text, characters)}")
    lines += [
        f"negative  {passage.score:.3f}  {shorten(passage.text, characters)}"
        for passage in example.negatives[:negatives]
    ]
    return "\n".join(lines)
