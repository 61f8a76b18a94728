"""Why a candidate is not a negative. The first reason that holds, in this order, is the reason."""

from enum import IntEnum

KEPT = -1


class Reason(IntEnum):
    """Reasons in the order in which they are looked at; `NOTHING` is no candidate at all."""

    # never a negative
    POSITIVE = 0
    TEXT_OF_A_POSITIVE = 1
    TEXT_OF_THE_QUERY = 2
    EMPTY = 3
    REPEATED_TEXT = 4
    # filters
    MAX_SCORE = 5
    MIN_SCORE = 6
    ABSOLUTE_MARGIN = 7
    RELATIVE_MARGIN = 8
    POSITIVE_SIMILARITY = 9
    NEAR_DUPLICATE = 10
    ANSWER = 11
    PROBABLY_RELEVANT = 12
    # it may be one, but stands elsewhere
    OUTSIDE_RANGE = 13
    # the teacher's filters: it reads only a few candidates, so they come last
    NOT_SCORED = 14
    TEACHER_MAX_SCORE = 15
    TEACHER_MIN_SCORE = 16
    TEACHER_MARGIN = 17
    # it may be one, but others were taken
    NOT_DRAWN = 18
    QUERY_DROPPED = 19

    NOTHING = 127


NEVER = tuple(Reason)[: Reason.REPEATED_TEXT + 1]
TEACHER = (Reason.TEACHER_MAX_SCORE, Reason.TEACHER_MIN_SCORE, Reason.TEACHER_MARGIN)
FILTERS = (*tuple(Reason)[Reason.MAX_SCORE : Reason.PROBABLY_RELEVANT + 1], *TEACHER)
CHOSEN = "chosen"

# as they stand in the ledger
NAMES = {
    Reason.POSITIVE: "positive",
    Reason.TEXT_OF_A_POSITIVE: "text of a positive",
    Reason.TEXT_OF_THE_QUERY: "text of the query",
    Reason.EMPTY: "empty",
    Reason.REPEATED_TEXT: "repeated text",
    Reason.MAX_SCORE: "score above the ceiling",
    Reason.MIN_SCORE: "score below the floor",
    Reason.ABSOLUTE_MARGIN: "within the absolute margin",
    Reason.RELATIVE_MARGIN: "within the relative margin",
    Reason.POSITIVE_SIMILARITY: "close to a positive",
    Reason.NEAR_DUPLICATE: "near-duplicate of a positive",
    Reason.ANSWER: "holds an answer",
    Reason.PROBABLY_RELEVANT: "probably relevant",
    Reason.OUTSIDE_RANGE: "outside the range",
    Reason.NOT_SCORED: "not on the teacher's shortlist",
    Reason.TEACHER_MAX_SCORE: "above the teacher's ceiling",
    Reason.TEACHER_MIN_SCORE: "below the teacher's floor",
    Reason.TEACHER_MARGIN: "within the teacher's margin",
    Reason.NOT_DRAWN: "others were taken",
    Reason.QUERY_DROPPED: "query dropped",
}
