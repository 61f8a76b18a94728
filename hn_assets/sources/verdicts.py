"""Verdicts of a review: those on single items, and the labels that they are as well."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hn_assets.errors import SourceError
from hn_assets.sources.csv_rows import read_csv_rows
from hn_assets.sources.protocol import Qrel
from hn_assets.sources.read_fields import read_id
from hn_assets.sources.reviewed_labels import (
    COLUMNS,
    SCORES,
    UNSURE,
    ReviewedLabel,
    ReviewedLabels,
    normalised_verdict,
)
from hn_assets.text import from_cell, shorten


class Verdict(NamedTuple):
    """What a person said of one item of a sample.

    Attributes:
        query_id: The id of the query.
        doc_id: The id of the document.
        is_relevant: Whether the document answers the query; None if the person was not sure.
        sample: The name of the sample, or "" if the file does not say it.
        item: The place in the sample, from 1, or None if the file does not say it.
        where: The line of the file.
    """

    query_id: str
    doc_id: str
    is_relevant: bool | None
    sample: str
    item: int | None
    where: str


class ReviewVerdicts(ReviewedLabels):
    """A source to which the verdicts of a review are added as labels.

    No verdict takes a known positive away: some are in a sample to see whether a reviewer knows
    them. Where verdicts on the same pair contradict each other, the pair gets no label.
    """

    setting = "verdicts"

    def labels(self) -> dict[tuple[str, str], ReviewedLabel]:
        """The labels by query id and document id.

        Raises:
            SourceError: The file is invalid.
        """
        return labels_of(read_verdicts(self.path))

    def corrects(self, qrel: Qrel, label: ReviewedLabel) -> bool:
        """Whether a label replaces a qrel of the same query and document."""
        return label.score > 0 and qrel.score <= 0


def labels_of(verdicts: Iterable[Verdict]) -> dict[tuple[str, str], ReviewedLabel]:
    """The labels that verdicts are, by query id and document id."""
    found: dict[tuple[str, str], ReviewedLabel] = {}
    contradictory: set[tuple[str, str]] = set()
    for verdict in verdicts:
        if verdict.is_relevant is None:
            continue
        pair = verdict.query_id, verdict.doc_id
        label = ReviewedLabel(int(verdict.is_relevant), verdict.where)
        if found.setdefault(pair, label).score != label.score:
            contradictory.add(pair)
    return {pair: label for pair, label in found.items() if pair not in contradictory}


def read_verdicts(path: Path) -> list[Verdict]:
    """Read the verdicts of a CSV file with the columns query_id, doc_id and verdict.

    A verdict is `relevant`, `not relevant` or `unsure`; lines without one are passed over. The
    columns sample and item, which the page of a review writes, say which item of which sample was
    judged.

    Raises:
        SourceError: The file is missing or not CSV in UTF-8, lacks a column, or has a verdict or an
            item that is none.
    """
    found: list[Verdict] = []
    for where, row in read_csv_rows(path, COLUMNS, line_breaks=True):
        word = normalised_verdict(row["verdict"], where, path)
        if not word:
            continue
        item = row.get("item", "").strip()
        if item and not (item.isdecimal() and len(item) < 10):
            raise SourceError(
                f"{where}: the item {shorten(item, 40)!r} is no whole number. Save the verdicts "
                f"again, or leave the column item out. The file is {path}"
            )
        found.append(
            Verdict(
                read_id(from_cell(row["query_id"]), "query_id", where),
                read_id(from_cell(row["doc_id"]), "doc_id", where),
                None if word == UNSURE else SCORES[word] > 0,
                row.get("sample", "").strip(),
                int(item) if item else None,
                where,
            )
        )
    return found
