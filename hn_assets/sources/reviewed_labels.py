"""Verdicts of a person who looked at likely missing labels, on top of a source's own qrels."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hn_assets.errors import SourceError
from hn_assets.sources.jsonl import fingerprint_files
from hn_assets.sources.protocol import Document, Qrel, Query, Source

VERDICTS = {"relevant": 1, "not relevant": 0}


class Verdict(NamedTuple):
    """Whether a document answers a query (score 1) or not (0), and where that stands."""

    score: int
    where: str


class ReviewedLabels:
    """A source whose qrels a person has corrected.

    A verdict on a pair that the qrels have replaces what they say, but for the grade of what both
    call relevant; a verdict on another pair is added to every split that its query has qrels in.

    Args:
        source: with the qrels as they are.
        path: CSV file of query_id, doc_id and verdict.
    """

    def __init__(self, source: Source, path: Path) -> None:
        self.source = source
        self.path = path

    def describe(self) -> dict[str, str]:
        """The source's own, and the file of verdicts."""
        return {**self.source.describe(), "reviewed_labels": str(self.path)}

    def files(self) -> list[Path] | None:
        """The source's, and that of the verdicts."""
        files = self.source.files()
        return None if files is None else [*files, self.path]

    def fingerprint(self) -> str | None:
        """Of the source and of the verdicts; None where one of them is not known."""
        parts = self.source.fingerprint(), fingerprint_files([self.path])
        return None if None in parts else f"{parts[0]} {parts[1]}"

    def documents(self) -> Iterator[Document]:
        """The source's."""
        return self.source.documents()

    def queries(self) -> Iterator[Query]:
        """The source's."""
        return self.source.queries()

    def qrels(self) -> Iterator[Qrel]:
        """The source's, with the verdicts.

        Raises:
            SourceError: the file of verdicts is wrong, or names a query without any qrel.
        """
        verdicts = read_verdicts(self.path)
        splits_of: dict[str, dict[str, None]] = {}
        judged: set[tuple[str, str, str]] = set()
        for qrel in self.source.qrels():
            splits_of.setdefault(qrel.query_id, {})[qrel.split] = None
            judged.add((qrel.query_id, qrel.doc_id, qrel.split))
            said = verdicts.get((qrel.query_id, qrel.doc_id))
            if said is not None and (qrel.score > 0) != (said.score > 0):
                qrel = qrel._replace(score=said.score, where=said.where)
            yield qrel
        for (query_id, doc_id), said in verdicts.items():
            if query_id not in splits_of:
                raise SourceError(
                    f"{said.where}: the query {query_id!r} has no qrels, so its split is not "
                    f"known. The file is {self.path}"
                )
            for split in splits_of[query_id]:
                if (query_id, doc_id, split) not in judged:
                    yield Qrel(query_id, doc_id, said.score, split, said.where)


def read_verdicts(path: Path) -> dict[tuple[str, str], Verdict]:
    """What a person said of pairs of a query and a document.

    Lines without a verdict are passed over.

    Raises:
        SourceError: the file is missing, is no CSV in UTF-8, has no such columns, a verdict is
            another word, or two lines contradict each other.
    """
    found: dict[tuple[str, str], Verdict] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"query_id", "doc_id", "verdict"}.difference(reader.fieldnames or [])
            if missing:
                raise SourceError(
                    f"{path} has no column {', '.join(sorted(missing))}; filters.reviewed_labels takes "
                    f"a CSV file with query_id, doc_id and verdict"
                )
            for row in reader:
                verdict = " ".join((row["verdict"] or "").casefold().split())
                if not verdict:
                    continue
                if verdict not in VERDICTS:
                    raise SourceError(
                        f"{path.name}:{reader.line_num}: the verdict {row['verdict']!r} is neither "
                        f"'relevant' nor 'not relevant'. The file is {path}"
                    )
                pair = (row["query_id"], row["doc_id"])
                where = f"{path.name}:{reader.line_num}"
                said = Verdict(VERDICTS[verdict], where)
                if found.setdefault(pair, said).score != said.score:
                    raise SourceError(
                        f"{where}: query {pair[0]!r} and document {pair[1]!r} have another verdict "
                        f"further up. The file is {path}"
                    )
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(
            f"{path} is not a CSV file in UTF-8: {error}; save it as 'CSV UTF-8'"
        ) from error
    return found
