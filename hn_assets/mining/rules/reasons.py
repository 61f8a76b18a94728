"""Every reason for which a candidate is not a negative, in the order in which they are looked for.

The first reason that holds is the reason. A filter's reasons stand in the filter's file.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hn_assets.filters.all_filters import FILTERS
from hn_assets.filters.base.filter import Reason

# what stands in the ledger of a candidate that became a negative
CHOSEN = "chosen"

POSITIVE = Reason(
    "positive", "it is a known positive of the query, or of a query with the same text"
)
TEXT_OF_A_POSITIVE = Reason("text of a positive", "it has the text of a known positive")
TEXT_OF_THE_QUERY = Reason("text of the query", "it has the text of the query itself")
EMPTY = Reason("empty", "it is empty")
REPEATED_TEXT = Reason("repeated text", "it has the text of a candidate that ranks higher")
OUTSIDE_RANGE = Reason(
    "outside the range",
    "it stands at place {value:.0f}, outside the range (which ends or begins at {limit:.0f})",
)
NOT_SCORED = Reason(
    "not on the teacher's shortlist",
    "others of the query's candidates were on the teacher's shortlist",
)
NOT_DRAWN = Reason(
    "others were taken", "it may be one, but the query's other candidates were taken"
)
QUERY_DROPPED = Reason(
    "query dropped",
    "it was one, but the query has too few and was dropped (mining.on_shortage)",
)

# never a negative, whatever the settings
ALWAYS_EXCLUDED = (POSITIVE, TEXT_OF_A_POSITIVE, TEXT_OF_THE_QUERY, EMPTY, REPEATED_TEXT)

_OF_FILTERS = tuple(r for kind in FILTERS if kind.section == "filters" for r in kind.reasons)
_OF_THE_TEACHER = tuple(r for kind in FILTERS if kind.section == "teacher" for r in kind.reasons)

# rejected by a filter: there might be others further down the ranking
FILTERED = (*_OF_FILTERS, *_OF_THE_TEACHER)

REASONS = (
    *ALWAYS_EXCLUDED,
    *_OF_FILTERS,
    OUTSIDE_RANGE,
    NOT_SCORED,
    # the teacher reads only a few candidates within the range, so its filters come last
    *_OF_THE_TEACHER,
    NOT_DRAWN,
    QUERY_DROPPED,
)

# the number of a reason in arrays of int8
CODES: Mapping[Reason, int] = MappingProxyType({r: code for code, r in enumerate(REASONS)})

_BY_LABEL = {reason.label: reason for reason in REASONS}


def reason_of(label: str) -> Reason:
    """The reason that stands in the ledger as `label`.

    Raises:
        KeyError: No reason has this label.
    """
    return _BY_LABEL[label]
