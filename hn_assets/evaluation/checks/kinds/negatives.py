"""Checks of the mined negatives, their ledger and their false-negative rate."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from hn_assets.evaluation.checks.base.check import Check, CheckInputs
from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.mining.holdout.audit import CHOSEN
from hn_assets.mining.holdout.calibration_file import read_calibration
from hn_assets.mining.output.find_positives import find_positives
from hn_assets.mining.output.ledger_check import check_ledger
from hn_assets.store import layout
from hn_assets.text import normalised
from hn_assets.trial.chosen_plan import chosen_plan


def rate_is_within_target(
    audit: Path, target: float | None, calibration: Path | None = None
) -> CheckResult:
    """Whether the false-negative rate of these settings is not above the target.

    What was measured decides, and what the calibration estimates if nothing was measured. If even
    the lower end of the confidence interval of what was measured is above the target, the check
    blocks. If the target lies within the interval, it warns.

    Args:
        audit: The Parquet file of the false-negative audit.
        target: `filters.target_false_negative_rate`.
        calibration: The JSON file of the calibration; None if there is none.
    """
    import pandas as pd

    if target is None:
        return CheckResult(True, "no filters.target_false_negative_rate is set to compare with")
    methods = pd.read_parquet(audit)
    own = methods[methods.method == CHOSEN].to_dict("records")
    if not (own and own[0]["negatives"]) and calibration is not None:
        return _estimate_is_within_target(calibration)
    if not own or not own[0]["negatives"]:
        return CheckResult(
            False,
            f"nothing was measured, so that a rate under {target:g} cannot be shown: label a "
            f"second positive for more queries, or unset filters.target_false_negative_rate",
            blocks=False,
        )
    rate, low, high = (own[0][name] for name in ("rate", "rate_low", "rate_high"))
    figures = {"false_negative_rate": rate}
    seen = (
        f"{rate:.3%} of the negatives are hidden positives (95 % interval {low:.3%} to "
        f"{high:.3%}); the target is {target:.3%}"
    )
    if rate <= target:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}. Lower the target, or label what likely_missing_labels lists",
        figures,
        blocks=bool(low > target),
    )


def _estimate_is_within_target(calibration: Path) -> CheckResult:
    """The judgement if no query has a second positive to hide: it never blocks."""
    found = read_calibration(calibration)
    assert found is not None, "it is asked for only if there is a target rate"
    figures = {"false_negative_rate": found.rate}
    seen = (
        f"nothing could be measured, as no query has two positives; the {found.kind} rate is "
        f"{found.rate:.3%} ({found.rate_low:.3%} to {found.rate_high:.3%}), and the target "
        f"{found.target:.3%}"
    )
    if found.is_reached:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}. Lower mining.hardness, or label what likely_missing_labels lists",
        figures,
        blocks=False,
    )


def ledger_is_complete(
    ledger: Path, negatives: Path, candidates: Path, corpus: Path, queries: Path
) -> CheckResult:
    """Whether the ledger holds every candidate of a mined query once, and every negative."""
    found = check_ledger(ledger, negatives, candidates, corpus, queries)
    figures = {"candidates": found.candidates, "chosen": found.chosen, "queries": found.queries}
    if not found.problems:
        return CheckResult(True, "the ledger holds every candidate once", figures)
    return CheckResult(
        False, f"{'; '.join(found.problems)}: materialize hard_negatives again", figures
    )


def no_positive_among_negatives(
    negatives: Path, qrels: Path, corpus: Path, *, include_title: bool
) -> CheckResult:
    """Whether no negative is a positive of its query, neither by id nor by text.

    Args:
        negatives: The Parquet file of the hard negatives.
        qrels: The Parquet file of the qrels.
        corpus: The Parquet file of the corpus.
        include_title: Whether the text of a passage begins with its title.
    """
    found = find_positives(negatives, qrels, corpus, include_title=include_title)
    figures = {"negatives": found.negatives, "by_id": found.by_id, "by_text": found.by_text}
    if found.example is None:
        return CheckResult(True, "no negative is a positive, neither by id nor by text", figures)
    query, document = found.example
    return CheckResult(
        False,
        f"{found.by_id} negatives are positives of their query, and {found.by_text} have the text "
        f"of one, such as {document!r} of query {query!r}: materialize candidates and "
        f"hard_negatives again",
        figures,
    )


def no_test_query_is_mined(negatives: Path, queries: Path, evaluation_split: str) -> CheckResult:
    """Whether no mined query is a query of the evaluation split, neither by id nor by text."""
    import pandas as pd

    asked = pd.read_parquet(queries, columns=["id", "text", "split"])
    asked["text"] = asked.text.map(normalised)
    evaluated = asked[asked.split == evaluation_split]
    ids = pq.read_table(negatives, columns=["query_id"])["query_id"].unique().to_pylist()
    mined = asked[asked.id.isin(ids)]
    in_both = mined[mined.id.isin(evaluated.id) | mined.text.isin(evaluated.text)]
    figures = {"mined_queries": len(mined), "evaluation_queries": len(evaluated)}
    if not len(in_both):
        return CheckResult(True, "no mined query is one of the evaluation split", figures)
    return CheckResult(
        False,
        f"{len(in_both)} mined queries are queries of the split {evaluation_split!r} or have the "
        f"text of one, such as {in_both.id.iloc[0]!r}: take them out of the mined split",
        figures,
    )


def negatives_are_enough(
    queries_with_enough: int,
    queries: int,
    wanted: int,
    min_full_query_share: float,
    left_short: int = 0,
) -> CheckResult:
    """Whether most mined queries have as many negatives as wanted.

    Args:
        queries_with_enough: How many queries have as many negatives as wanted.
        queries: How many queries were mined.
        wanted: How many negatives a query should have.
        min_full_query_share: The lowest share of such queries that passes.
        left_short: How many of the others were not searched deeper for the sake of the budget.
    """
    figures = {"queries": queries, "with_enough": queries_with_enough, "left_short": left_short}
    seen = f"{queries_with_enough} of {queries} queries have {wanted} negatives"
    if left_short:
        seen += (
            f" ({left_short} of the others were not searched deeper, as that was all that "
            f"filters.deeper_search_budget allows)"
        )
    if queries_with_enough >= min_full_query_share * queries:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}, fewer than {min_full_query_share:.0%}: the filters or the range leave too few. "
        f"The table `rejected` of hard_negatives says which; loosen that one, search deeper "
        f"(filters.max_search_depth), ask for fewer (mining.num_negatives), or lower "
        f"checks.min_full_query_share",
        figures,
    )


def _negatives_are_enough(inputs: CheckInputs) -> CheckResult:
    mined = inputs.info(layout.HARD_NEGATIVES.stage)
    return negatives_are_enough(
        mined["queries_with_enough"],
        mined["queries"],
        mined["negatives"],
        inputs.settings.checks.min_full_query_share,
        mined.get("queries_left_short", 0),
    )


def _false_negative_rate(inputs: CheckInputs) -> CheckResult:
    _, filters = chosen_plan(inputs.settings, inputs.file)
    return rate_is_within_target(
        inputs.file(layout.FALSE_NEGATIVE_AUDIT),
        filters.target_false_negative_rate,
        inputs.file(layout.CALIBRATION) if filters.is_calibrated else None,
    )


CHECKS = (
    Check(
        layout.FALSE_NEGATIVE_AUDIT.stage,
        "false_negative_rate",
        "The false-negative rate of these settings is not above the target.",
        _false_negative_rate,
        version=2,
        # with verdicts, the check of the same name looks at both
        is_part_of=lambda settings: not settings.has_verdicts,
    ),
    Check(
        layout.HARD_NEGATIVES.stage,
        "every_candidate_is_accounted_for",
        "The ledger holds every candidate of a mined query once, and every negative is in it.",
        lambda inputs: ledger_is_complete(
            ledger=inputs.file(layout.LEDGER),
            negatives=inputs.file(layout.HARD_NEGATIVES),
            candidates=inputs.file(layout.CANDIDATES),
            corpus=inputs.file(layout.CORPUS),
            queries=inputs.file(layout.QUERIES),
        ),
    ),
    Check(
        layout.HARD_NEGATIVES.stage,
        "no_positive_among_negatives",
        "No negative is a positive of its query, neither by id nor by text.",
        lambda inputs: no_positive_among_negatives(
            inputs.file(layout.HARD_NEGATIVES),
            inputs.file(layout.QRELS),
            inputs.file(layout.CORPUS),
            include_title=inputs.info(layout.HARD_NEGATIVES.stage)["include_title"],
        ),
    ),
    Check(
        layout.HARD_NEGATIVES.stage,
        "no_test_query_is_mined",
        "No mined query is a query of the evaluation split, neither by id nor by text.",
        lambda inputs: no_test_query_is_mined(
            inputs.file(layout.HARD_NEGATIVES),
            inputs.file(layout.QUERIES),
            inputs.settings.mining.evaluation_split,
        ),
    ),
    Check(
        layout.HARD_NEGATIVES.stage,
        "negatives_are_enough",
        "Most mined queries have as many negatives as wanted.",
        _negatives_are_enough,
    ),
)
