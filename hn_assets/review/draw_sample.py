"""Draw the negatives that a person judges, and mix in what measures the person.

The negatives are a stratified random sample: each stratum is as probably relevant as the next one
is less, and the chance of each negative to be drawn is known, so that the rate of all follows from
the verdicts on a few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hn_assets.hashing import hash_of_text
from hn_assets.mining.output.relevance_estimate import relevance_estimate
from hn_assets.mining.rules.sampling import hash_ids, random_keys
from hn_assets.settings.review import ReviewSettings

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["negative", "positive", "random"]
NEGATIVE, POSITIVE, RANDOM = "negative", "positive", "random"

# the shares of the negatives in each stratum, the most probably relevant first
STRATA = (0.1, 0.3, 0.6)
MIN_PER_STRATUM = 2
# The part of the verdicts that goes where the expected spread is, the rest being proportional. More
# would make the estimate sharper, and the upper end of its interval wider wherever no relevant
# negative is found in the largest stratum, which is the usual case.
BY_SPREAD = 0.25


@dataclass(frozen=True)
class Population:
    """What the sample is drawn from.

    Attributes:
        negatives: The chosen negatives, with query_id, doc_id, margin, positive_similarity and
            probability (missing where there is none).
        positives: The ids of the known positives of each mined query.
        document_ids: The ids of all documents of the corpus.
        candidates: The ids of the candidates of some queries, which are not taken as random
            documents; a query that is missing has none.
        version: From `name_negatives`: of other negatives, another sample is drawn, so that it does
            not depend on the verdicts on this one.
    """

    negatives: pd.DataFrame
    positives: Mapping[str, Sequence[str]]
    document_ids: Sequence[str]
    candidates: Mapping[str, frozenset[str]]
    version: str


def name_negatives(negatives: pd.DataFrame) -> str:
    """A short name of these pairs of query and document, whatever their order and scores."""
    return f"{int(_pair_keys(negatives, 0).sum()):016x}-{len(negatives)}"


def sample_name(version: str, settings: ReviewSettings) -> str:
    """A short name of the sample that is drawn from these negatives with these settings."""
    sizes = settings.model_dump(exclude={"verdicts", "min_unchanged_share"})
    return hash_of_text(f"{version} {sorted(sizes.items())}", 6).hex()


def queries_of_random_documents(
    negatives: pd.DataFrame, version: str, settings: ReviewSettings
) -> list[str]:
    """The queries for which a random document is shown, in their order."""
    queries = sorted(set(negatives.query_id))
    keys = hash_ids(queries, _seed(version, settings, "queries of random documents"))
    return [queries[place] for place in np.argsort(keys)[: settings.num_random_documents]]


def draw_sample(population: Population, settings: ReviewSettings) -> pd.DataFrame:
    """The sample in the order in which it is shown, with the columns of `schemas.REVIEW_SAMPLE`.

    Args:
        population: What it is drawn from.
        settings: How many of each kind are wanted; there are fewer if there are not so many.
    """
    import pandas as pd

    version = population.version
    negatives = _draw_negatives(population.negatives, version, settings)
    mixed_in = [
        *_draw_positives(population, settings),
        *_draw_random_documents(population, settings),
    ]
    items = pd.concat([negatives, pd.DataFrame(mixed_in)], ignore_index=True)
    keys = _pair_keys(items, _seed(version, settings, "order"))
    items = items.iloc[np.argsort(keys, kind="stable")].reset_index(drop=True)
    seed = _seed(version, settings, "shown positives")
    items["positive_id"] = _positives_to_show(items, population.positives, seed)
    items = _with_repeats(items, settings.num_repeats, _seed(version, settings, "repeats"))
    items["sample"] = sample_name(version, settings)
    items["item"] = np.arange(1, len(items) + 1)
    return items


def _draw_negatives(
    negatives: pd.DataFrame, version: str, settings: ReviewSettings
) -> pd.DataFrame:
    keys = _pair_keys(negatives, _seed(version, settings, "negatives"))
    ranked = negatives[["query_id", "doc_id"]].assign(
        key=keys, estimate=relevance_estimate(negatives)
    )
    ranked = ranked.sort_values(
        ["estimate", "query_id", "doc_id"], ascending=[False, True, True], ignore_index=True
    )
    sizes = stratum_sizes(len(ranked), settings.num_negatives)
    ranked["stratum"] = np.repeat(np.arange(len(sizes)), sizes)
    spreads = None
    if negatives.probability.notna().any():
        means = ranked.assign(p=ranked.estimate.clip(0, 1)).groupby("stratum").p.mean().to_numpy()
        spreads = np.sqrt(means * (1 - means))
    counts = allocate(sizes, settings.num_negatives, spreads)
    ranked["stratum_size"] = sizes[ranked.stratum]
    ranked["inclusion_probability"] = (counts / np.maximum(sizes, 1))[ranked.stratum]
    ranked["kind"] = NEGATIVE
    place = ranked.sort_values("key").groupby("stratum").cumcount()
    drawn = ranked[place.reindex(ranked.index) < counts[ranked.stratum]]
    return drawn.drop(columns=["key", "estimate"])


def stratum_sizes(negatives: int, wanted: int) -> NDArray[np.int64]:
    """How many negatives each stratum holds; there is one stratum if there are few negatives.

    Args:
        negatives: How many there are.
        wanted: How many are to be drawn.
    """
    if min(negatives, wanted) < len(STRATA) * MIN_PER_STRATUM / min(STRATA):
        return np.array([negatives])
    ends = np.round(np.cumsum(STRATA) * negatives).astype(np.int64)
    return np.diff(ends, prepend=0)


def allocate(
    sizes: NDArray[np.int64], wanted: int, spreads: NDArray[np.float64] | None
) -> NDArray[np.int64]:
    """How many negatives are drawn from each stratum.

    Args:
        sizes: How many negatives each stratum holds.
        wanted: How many are to be drawn from all of them.
        spreads: The expected standard deviation of a verdict in each stratum, or None if nothing is
            expected; then every negative has the same chance.
    """
    shares = sizes / max(int(sizes.sum()), 1)
    if spreads is not None and (spreads > 0).any():
        by_spread = sizes * spreads
        shares = (1 - BY_SPREAD) * shares + BY_SPREAD * by_spread / by_spread.sum()
    exact = min(wanted, int(sizes.sum())) * shares
    counts = np.minimum(np.maximum(exact.astype(np.int64), min(MIN_PER_STRATUM, wanted)), sizes)
    while (missing := min(wanted, int(sizes.sum())) - int(counts.sum())) != 0:
        # the stratum furthest from its share gets, or gives back, one
        gap = np.where(counts < sizes, exact - counts, -np.inf) if missing > 0 else counts - exact
        counts[int(np.argmax(gap))] += 1 if missing > 0 else -1
    return counts


def _draw_positives(population: Population, settings: ReviewSettings) -> list[dict[str, object]]:
    """Known positives; those of queries that have another one to show beside it come first."""
    pairs = [
        (query, document)
        for query in sorted(set(population.negatives.query_id))
        for document in population.positives.get(query, ())
    ]
    seed = _seed(population.version, settings, "positives")
    keys = random_keys(hash_ids([q for q, _ in pairs], seed), hash_ids([d for _, d in pairs], seed))
    is_only = np.array([len(population.positives[query]) < 2 for query, _ in pairs], bool)
    order = np.lexsort((keys, is_only))[: settings.num_positives]
    return [
        {"query_id": pairs[place][0], "doc_id": pairs[place][1], "kind": POSITIVE}
        for place in order
    ]


def _draw_random_documents(
    population: Population, settings: ReviewSettings
) -> list[dict[str, object]]:
    """Documents from anywhere in the corpus, not of the candidates of their queries if possible.

    A document that is relevant by chance would count as an error of the reviewer.
    """
    version, ids = population.version, population.document_ids
    queries = queries_of_random_documents(population.negatives, version, settings)
    negatives = population.negatives[population.negatives.query_id.isin(queries)]
    pairs = set(zip(negatives.query_id, negatives.doc_id, strict=True))
    drawn: list[dict[str, object]] = []
    for query in queries:
        seed = _seed(version, settings, f"random documents of {query}")
        keys = random_keys(hash_ids([query], seed), np.arange(200, dtype=np.uint64))
        documents = [ids[int(key % np.uint64(len(ids)))] for key in keys]
        known = population.positives.get(query, ())
        able = [d for d in documents if d not in known and (query, d) not in pairs]
        candidates = population.candidates.get(query, frozenset())
        able.sort(key=lambda document: document in candidates)
        if able:
            drawn.append({"query_id": query, "doc_id": able[0], "kind": RANDOM})
    return drawn


def _positives_to_show(
    items: pd.DataFrame, positives: Mapping[str, Sequence[str]], seed: int
) -> list[str | None]:
    """The positive to show with each item, if one is shown.

    A known positive is never shown beside itself. Where its query has no other, as many
    negatives are shown without a positive too, so that its absence does not give the answer away.
    """
    shown: list[str | None] = [
        next((known for known in positives.get(query, ()) if known != document), None)
        for query, document in zip(items.query_id, items.doc_id, strict=True)
    ]
    alone = sum(positive is None for positive in shown)
    others = [place for place, kind in enumerate(items.kind) if kind == NEGATIVE]
    for place in np.argsort(hash_ids(map(str, others), seed), kind="stable")[:alone]:
        shown[others[place]] = None
    return shown


def _with_repeats(items: pd.DataFrame, wanted: int, seed: int) -> pd.DataFrame:
    """Some negatives of the first half are shown again in the second."""
    import pandas as pd

    half = len(items) // 2
    first_half = items[:half]
    repeated = first_half[first_half.kind == NEGATIVE][:wanted].copy()
    repeated["is_repeat"] = True
    later = pd.concat([items[half:].assign(is_repeat=False), repeated], ignore_index=True)
    order = np.argsort(hash_ids(map(str, range(len(later))), seed), kind="stable")
    return pd.concat([first_half.assign(is_repeat=False), later.iloc[order]], ignore_index=True)


def _pair_keys(pairs: pd.DataFrame, seed: int) -> NDArray[np.uint64]:
    return random_keys(hash_ids(pairs.query_id, seed), hash_ids(pairs.doc_id, seed))


def _seed(version: str, settings: ReviewSettings, purpose: str) -> int:
    text = f"{sample_name(version, settings)} {purpose}"
    return int.from_bytes(hash_of_text(text, 8), "little")
