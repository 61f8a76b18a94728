"""The order of suspect positives where a teacher has read them, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def add_teacher(found: pd.DataFrame, scores: Sequence[float | None]) -> pd.DataFrame:
    """The suspects with the teacher's scores, of which a low one makes a positive more suspicious.

    The numbers of the two are on no common scale, so each orders all positives, and the suspicion
    is the mean of both places, as shares from 0 to 1. A positive without a score keeps its place by
    the model alone.

    Args:
        found: From `find_suspects`.
        scores: The teacher's score of each; None where there is none.
    """
    import numpy as np
    import pandas as pd

    found = found.assign(teacher_score=pd.Series(scores, index=found.index, dtype=np.float32))
    known = found.teacher_score.notna()
    if not known.any():
        return found
    by_model = found.suspicion.rank(pct=True)
    by_teacher = (-found.teacher_score).rank(pct=True)  # NaN where there is no score
    suspicion = ((by_model + by_teacher) / 2).where(known, by_model)
    return found.assign(suspicion=suspicion).sort_values(
        ["suspicion", "query_id", "doc_id"], ascending=[False, True, True], ignore_index=True
    )
