"""Read the queries of a source, and decide which split each belongs to and which are kept."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from hn_assets.errors import SourceError
from hn_assets.sources.ingest.report import SAMPLE, QueriesReport, add_example
from hn_assets.sources.protocol import Qrel, Query, Source
from hn_assets.text import has_text, normalised


def read_queries(source: Source) -> tuple[dict[str, Query], set[str]]:
    """Read every query once.

    Returns:
        The queries with text by their ids, and the ids of the queries without text.

    Raises:
        SourceError: A query cannot be read, an id stands for two texts, or no query has text.
    """
    known: dict[str, Query] = {}
    for query in source.queries():
        before = known.setdefault(query.id, query)
        if before.text != query.text:
            raise SourceError(
                f"query id {query.id!r} is given twice with different texts: {before.where} and "
                f"{query.where}; ids must be unique"
            )
    empty = {query.id for query in known.values() if not has_text(query.text)}
    known = {query.id: query for query in known.values() if query.id not in empty}
    if not known:
        raise SourceError("there are no queries with text")
    return known, empty


def assign_splits(
    judged: Iterable[Qrel], known: dict[str, Query], first: Sequence[str]
) -> dict[str, str]:
    """The split of every query that has qrels, by its id.

    Args:
        judged: The qrels of all splits.
        known: The queries with text by their ids.
        first: If a query has qrels in several splits, it belongs to the first of these; without
            one of these, to the first by name.
    """
    order = {split: place for place, split in enumerate(first)}
    splits: dict[str, set[str]] = defaultdict(set)
    for qrel in judged:
        if qrel.query_id in known:
            splits[qrel.query_id].add(qrel.split)
    return {
        query: min(names, key=lambda name: (order.get(name, len(order)), name))
        for query, names in splits.items()
    }


def choose_queries(
    known: dict[str, Query], split_of: dict[str, str], evaluation_split: str
) -> tuple[QueriesReport, set[str]]:
    """Find the queries that are left out because a model would be trained on the evaluation.

    Args:
        known: The queries with text by their ids.
        split_of: The split of every query that has qrels.
        evaluation_split: The split whose queries must not be trained on, or "" for none.

    Returns:
        The report, and the ids of queries of other splits that have the text of a query of the
        evaluation split.
    """
    report = QueriesReport(unlabelled=len(known.keys() - split_of.keys()))
    evaluation_texts = {
        normalised(known[query].text)
        for query, split in split_of.items()
        if split == evaluation_split
    }
    repeated: set[str] = set()
    for query in known.values():
        split = split_of.get(query.id)
        if split is None:
            continue
        if split != evaluation_split and normalised(query.text) in evaluation_texts:
            repeated.add(query.id)
            add_example(report.equal_to_evaluation_query_ids, query.id)
            continue
        report.per_split[split] = report.per_split.get(split, 0) + 1
        if len(report.sample) < SAMPLE:
            report.sample.append({"id": query.id, "text": query.text, "split": split})
    report.equal_to_evaluation_query = len(repeated)
    return report, repeated
