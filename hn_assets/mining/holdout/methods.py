"""The methods of mining that an audit compares: the settings', and what people use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hn_assets.filters.all_filters import measurable_filters
from hn_assets.mining.holdout.splits import DrawnDocuments, HoldoutRankings
from hn_assets.mining.named_plans import HN_MINE_RANGE, TUTORIAL_RANGE
from hn_assets.mining.rules.decisions import passing
from hn_assets.mining.rules.mining_range import outside_range
from hn_assets.mining.rules.sampling import Sampling
from hn_assets.settings.filters import FiltersSettings

CHOSEN = "these settings"
MARGIN = 0.05
TARGET_OF_RETRIEVERS = 0.01  # if the settings name none
MAX_POSITIVE_SIMILARITIES = (0.5, 0.45)


@dataclass(frozen=True)
class Method:
    """A way to choose negatives, as far as hiding positives can measure it.

    Attributes:
        name: What the method is called in the audit.
        sampling: How many negatives are taken, and how.
        filters: Which candidates may be negatives; filters that hiding positives cannot measure
            are left out.
        ranks: The first rank of the range and the rank after its last; None if there is no range.
        excluding_positives: Whether ranks are counted without what is never a negative.
        retriever: The one of several retrievers whose finds alone are taken, in its own order; ""
            for the joined order of all.
    """

    name: str
    sampling: Sampling
    filters: FiltersSettings = field(default_factory=FiltersSettings)
    ranks: tuple[int, int] | None = None
    excluding_positives: bool = True
    retriever: str = ""

    def choose(self, rankings: HoldoutRankings) -> NDArray[np.bool_]:
        """Which candidates the method takes for negatives; bool, (rankings, depth)."""
        features, sampling = rankings.features, self.sampling
        left = passing(measurable_filters(self.filters), features)
        if self.retriever:
            left &= features.found_by(self.retriever)
            sampling = replace(sampling, quotas=((self.retriever, sampling.ranked_count),))
        if self.ranks is not None:
            start, end = self.ranks
            if self.retriever:
                features = replace(features, place=features.place_of(self.retriever))
            outside = outside_range(
                features, start, end, excluding_positives=self.excluding_positives
            )
            left &= ~outside.which
        return rankings.choose(sampling, left)

    def draw(
        self, rankings: HoldoutRankings, chosen: NDArray[np.bool_]
    ) -> tuple[DrawnDocuments, NDArray[np.bool_]]:
        """The documents drawn at random, and which of them the method takes; (rankings, draws).

        Documents that are no candidates pass all filters, which can only make the rate higher.

        Args:
            rankings: The rankings, with what was drawn.
            chosen: From `choose`, of the same rankings.

        Raises:
            ValueError: Nothing was drawn for the rankings.
        """
        if rankings.drawn is None:
            raise ValueError("the rankings hold no random documents")
        left = passing(measurable_filters(self.filters), rankings.features) & ~chosen
        if self.ranks is not None:
            # as for mining, the end of the range is no reason against a random document
            before = outside_range(
                rankings.features,
                self.ranks[0],
                rankings.features.place.shape[1],
                excluding_positives=self.excluding_positives,
            )
            left &= ~before.which
        return rankings.drawn, rankings.drawn.choose(left, self.sampling.random_count)


def known_methods(wanted: int) -> Iterator[Method]:
    """What people use to mine.

    Args:
        wanted: How many negatives are wanted per query; a tutorial's method has its own number.
    """
    top = Sampling("top", wanted)
    yield Method(f"top {wanted}", top)
    start, end = TUTORIAL_RANGE
    yield Method(
        f"tutorial, ranks {start}-{end}", Sampling("top", end - start), ranks=TUTORIAL_RANGE
    )
    start, end = HN_MINE_RANGE
    yield Method(
        f"hn_mine, ranks {start}-{end} at random", Sampling("random", wanted), ranks=HN_MINE_RANGE
    )
    everything = Sampling("random", wanted, random_share=1.0)
    yield Method("random documents of the corpus", everything)
    for against in ("min", "mean", "max"):
        yield Method(
            f"{100 * MARGIN:g} % below the {against} positive, top {wanted}",
            top,
            FiltersSettings(relative_margin=MARGIN, margin_against=against),
        )
    yield Method(
        f"{MARGIN:g} below the mean positive, top {wanted}",
        top,
        FiltersSettings(absolute_margin=MARGIN, margin_against="mean"),
    )
    for highest in MAX_POSITIVE_SIMILARITIES:
        yield Method(
            f"closest positive below {highest:g}, top {wanted}",
            top,
            FiltersSettings(max_positive_similarity=highest),
        )


def methods_of_retrievers(
    retrievers: Sequence[str], sampling: Sampling, filters: FiltersSettings
) -> Iterator[Method]:
    """Each of several retrievers alone: its best, hn_mine's window, and a target rate.

    At the same target rate the retriever with the higher scores gives the harder negatives.

    Args:
        retrievers: The names of the retrievers.
        sampling: Of the chosen settings, for the number of negatives.
        filters: Of the chosen settings, for the target rate.
    """
    wanted = sampling.count
    start, end = HN_MINE_RANGE
    target = filters.target_false_negative_rate or TARGET_OF_RETRIEVERS
    calibrated = FiltersSettings(
        target_false_negative_rate=target, unlabelled_per_positive=filters.unlabelled_per_positive
    )
    for name in retrievers:
        yield Method(f"{name}, top {wanted}", Sampling("top", wanted), retriever=name)
        yield Method(
            f"{name}, ranks {start}-{end} at random",
            Sampling("random", wanted),
            ranks=HN_MINE_RANGE,
            retriever=name,
        )
        yield Method(
            f"{name}, target {target:g}", Sampling("top", wanted), calibrated, retriever=name
        )
