"""Labels that a person gave after looking at likely missing labels, on top of a source's qrels."""

from collections.abc import Iterator, Set
from pathlib import Path
from typing import NamedTuple

from hn_assets.errors import SourceError
from hn_assets.hashing import state_of_files
from hn_assets.sources.csv_rows import read_csv_rows
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.sources.protocol import Document, Qrel, Query, Source
from hn_assets.sources.read_fields import read_id
from hn_assets.text import from_cell

COLUMNS = ("query_id", "doc_id", "verdict")
# what the column `verdict` may say, and the score it becomes
SCORES = {"relevant": 1, "not relevant": 0}
UNSURE = "unsure"  # says that a person looked, and does not know


class ReviewedLabel(NamedTuple):
    """What a person decided about a query and a document.

    Attributes:
        score: 1 if the document is relevant to the query, else 0.
        where: The line of the CSV file.
    """

    score: int
    where: str


class ReviewedLabels(Source):
    """A source whose qrels a person has corrected.

    A reviewed label replaces the qrel of the same query and document, except that the grade stays
    if both say that the document is relevant. A label without such a qrel is added to every split
    in which its query has qrels.

    Args:
        source: The source with its own qrels.
        path: The CSV file with the columns query_id, doc_id and verdict.

    Attributes:
        setting: The name under which the description of the source names the file.
    """

    setting = "reviewed_labels"

    def __init__(self, source: Source, path: Path) -> None:
        self.source = source
        self.path = path

    def labels(self) -> dict[tuple[str, str], ReviewedLabel]:
        """The labels by query id and document id.

        Raises:
            SourceError: The file is invalid.
        """
        return read_reviewed_labels(self.path)

    def corrects(self, qrel: Qrel, label: ReviewedLabel) -> bool:
        """Whether a label replaces a qrel of the same query and document."""
        return (qrel.score > 0) != (label.score > 0)

    def describe(self) -> dict[str, str]:
        """The description of the source, and the file of reviewed labels."""
        return {**self.source.describe(), self.setting: str(self.path)}

    def files(self) -> list[Path] | None:
        """The files of the source and of the labels, or None if the source has no files."""
        files = self.source.files()
        return None if files is None else [*files, self.path]

    def fingerprint(self) -> str | None:
        """The fingerprints of source and labels, or None if one of them is not known."""
        parts = self.source.fingerprint(), fingerprint_files([self.path])
        return None if None in parts else f"{parts[0]} {parts[1]}"

    def state(self) -> str:
        """The states of the source and of the file of labels."""
        return f"{self.source.state()}-{state_of_files([self.path])}"

    def documents(self) -> Iterator[Document]:
        """The documents of the source."""
        return self.source.documents()

    def queries(self) -> Iterator[Query]:
        """The queries of the source."""
        return self.source.queries()

    def check_references(self, doc_ids: Set[str], query_ids: Set[str]) -> None:
        """Refuse a label of a document or a query that does not exist.

        The qrels of a source may name what a smaller corpus lacks, but a person saw both the query
        and the document, so the id has been changed since.

        Raises:
            SourceError: There is such a label.
        """
        self.source.check_references(doc_ids, query_ids)
        for (query_id, doc_id), label in self.labels().items():
            for what, value, known in (
                ("query", query_id, query_ids),
                ("document", doc_id, doc_ids),
            ):
                if value not in known:
                    raise SourceError(
                        f"{label.where}: there is no {what} {value!r}. A spreadsheet changes ids "
                        f"that look like numbers or dates, such as 007 to 7 and 1E5 to 100000: "
                        f"import the columns query_id and doc_id as text. If the {what} was "
                        f"removed on purpose, delete the line. The file is {self.path}"
                    )

    def qrels(self) -> Iterator[Qrel]:
        """The qrels of the source, corrected by the reviewed labels.

        Raises:
            SourceError: The file of labels is invalid, or names a query without any qrel.
        """
        labels = self.labels()
        splits_of: dict[str, dict[str, None]] = {}
        judged: set[tuple[str, str, str]] = set()
        for qrel in self.source.qrels():
            splits_of.setdefault(qrel.query_id, {})[qrel.split] = None
            judged.add((qrel.query_id, qrel.doc_id, qrel.split))
            label = labels.get((qrel.query_id, qrel.doc_id))
            if label is not None and self.corrects(qrel, label):
                qrel = qrel._replace(score=label.score, where=label.where)
            yield qrel
        for (query_id, doc_id), label in labels.items():
            if query_id not in splits_of:
                raise SourceError(
                    f"{label.where}: the query {query_id!r} has no qrels, so its split is not "
                    f"known. The file is {self.path}"
                )
            for split in splits_of[query_id]:
                if (query_id, doc_id, split) not in judged:
                    yield Qrel(query_id, doc_id, label.score, split, label.where)


def read_reviewed_labels(path: Path) -> dict[tuple[str, str], ReviewedLabel]:
    """Read the labels of a CSV file with the columns query_id, doc_id and verdict.

    A verdict is `relevant` or `not relevant`. Lines without one are passed over, and so are those
    whose verdict is `unsure`.

    Returns:
        The labels by query id and document id.

    Raises:
        SourceError: The file is missing or not CSV in UTF-8, lacks a column, has a verdict that
            is another word or has no ids, or has two lines that contradict each other.
    """
    found: dict[tuple[str, str], ReviewedLabel] = {}
    # what reviewers note in further columns may be several lines long
    for where, row in read_csv_rows(path, COLUMNS, line_breaks=True):
        verdict = normalised_verdict(row["verdict"], where, path)
        if verdict not in SCORES:
            continue
        pair = (
            read_id(from_cell(row["query_id"]), "query_id", where),
            read_id(from_cell(row["doc_id"]), "doc_id", where),
        )
        label = ReviewedLabel(SCORES[verdict], where)
        if found.setdefault(pair, label).score != label.score:
            raise SourceError(
                f"{where}: query {pair[0]!r} and document {pair[1]!r} have another verdict "
                f"further up. The file is {path}"
            )
    return found


def normalised_verdict(verdict: str, where: str, path: Path) -> str:
    """A verdict as a key of `SCORES`, or `UNSURE`; "" if there is none.

    Raises:
        SourceError: It is another word.
    """
    word = " ".join(verdict.casefold().split())
    if word and word != UNSURE and word not in SCORES:
        raise SourceError(
            f"{where}: the verdict {verdict!r} is neither 'relevant' nor 'not relevant' nor "
            f"'{UNSURE}'. The file is {path}"
        )
    return word
