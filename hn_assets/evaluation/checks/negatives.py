"""What must hold of rankings and negatives before anybody trains on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hn_assets.evaluation.checks.data import hash_text
from hn_assets.evaluation.checks.result import CheckResult
from hn_assets.mining.data.text_ids import read_passages
from hn_assets.mining.holdout.audit import CHOSEN
from hn_assets.mining.output.ledger import check_ledger
from hn_assets.text import normalised


def index_finds_enough(recall: float | None, least: float) -> CheckResult:
    """Whether an approximate index finds what exact search does; None is an exact one."""
    if recall is None:
        return CheckResult(True, "the search is exact", {"index_recall": 1.0})
    words = f"the index finds {recall:.1%} of what exact search finds"
    if recall >= least:
        return CheckResult(True, words, {"index_recall": recall})
    return CheckResult(
        False,
        f"{words}, less than {least:.0%}: search more of it (search.search_parameters, such as "
        f"nprobe=64), choose another search.index, or lower checks.min_index_recall",
        {"index_recall": recall},
    )


def positives_are_found(recall: float | None, depth: int, least: float) -> CheckResult:
    """Whether the rankings of the mined queries hold their known positives."""
    if recall is None:
        return CheckResult(True, "no mined query has a positive to look for")
    figures = {"recall_at_depth": recall, "depth": depth}
    words = f"{recall:.1%} of the mined queries' positives are among the best {depth}"
    if recall >= least:
        return CheckResult(True, words, figures)
    return CheckResult(
        False,
        f"{words}, fewer than {least:.0%}: such a model does not know this collection. See to "
        f"encoding.model, its pooling and instruction, or lower checks.min_recall",
        figures,
    )


def quality_is_not_worse(
    now: Mapping[str, Any], accepted: float | None, max_ndcg_drop: float
) -> CheckResult:
    """Whether nDCG@10 of the evaluation split is not much lower than at the last training set."""
    quality = now.get("ndcg_at_10")
    if quality is None:
        return CheckResult(True, "there is no evaluation split to measure")
    figures = {"ndcg_at_10": quality}
    if accepted is None:
        words = f"nDCG@10 is {quality:.4f}; there is no training set to compare with"
        return CheckResult(True, words, figures)
    figures["ndcg_at_10_before"] = accepted
    words = f"nDCG@10 was {accepted:.4f} at the last training set, and is {quality:.4f}"
    if quality >= accepted - max_ndcg_drop:
        return CheckResult(True, words, figures)
    return CheckResult(
        False,
        f"{words}: a drop of more than {max_ndcg_drop:g}. Look at the model, and at what changed in "
        f"the source",
        figures,
    )


def no_positive_among_negatives(
    negatives: Path, qrels: Path, corpus: Path, *, include_title: bool
) -> CheckResult:
    """Whether no negative is a positive of its query, by id or by text."""
    import pandas as pd

    mined = pd.read_parquet(negatives, columns=["query_id", "doc_id"])
    judged = pd.read_parquet(qrels)
    positives = judged[judged.score > 0][["query_id", "doc_id"]].drop_duplicates()
    wanted = {*mined.doc_id, *positives.doc_id}
    texts = {
        doc_id: hash_text(normalised(text))
        for doc_id, text in read_passages(corpus, include_title=include_title)
        if doc_id in wanted
    }
    by_id = mined.merge(positives, on=["query_id", "doc_id"])
    left = mined.assign(text=mined.doc_id.map(texts))
    right = positives.assign(text=positives.doc_id.map(texts))[["query_id", "text"]]
    by_text = left.merge(right.drop_duplicates(), on=["query_id", "text"])
    figures = {"negatives": len(mined), "by_id": len(by_id), "by_text": len(by_text)}
    if not len(by_id) and not len(by_text):
        return CheckResult(True, "no negative is a positive, neither by id nor by text", figures)
    row = (by_id if len(by_id) else by_text).iloc[0]
    return CheckResult(
        False,
        f"{len(by_id)} negatives are positives of their query, and {len(by_text)} have the text of "
        f"one, such as {row.doc_id!r} of query {row.query_id!r}: materialize candidates and "
        f"hard_negatives again",
        figures,
    )


def no_test_query_is_mined(negatives: Path, queries: Path, evaluation_split: str) -> CheckResult:
    """Whether no mined query is one of the evaluation split, by id or by text."""
    import pandas as pd

    asked = pd.read_parquet(queries, columns=["id", "text", "split"])
    asked["text"] = asked.text.map(normalised)
    guarded = asked[asked.split == evaluation_split]
    ids = pq.read_table(negatives, columns=["query_id"])["query_id"].unique().to_pylist()
    mined = asked[asked.id.isin(ids)]
    leaked = mined[mined.id.isin(guarded.id) | mined.text.isin(guarded.text)]
    figures = {"mined_queries": len(mined), "evaluation_queries": len(guarded)}
    if not len(leaked):
        return CheckResult(True, "no mined query is one of the evaluation split", figures)
    return CheckResult(
        False,
        f"{len(leaked)} mined queries are queries of the split {evaluation_split!r} or have the "
        f"text of one, such as {leaked.id.iloc[0]!r}: take them out of the mined split",
        figures,
    )


def negatives_are_enough(full: int, queries: int, wanted: int, least: float) -> CheckResult:
    """Whether enough queries have as many negatives as wanted."""
    figures = {"queries": queries, "with_enough": full}
    words = f"{full} of {queries} queries have {wanted} negatives"
    if full >= least * queries:
        return CheckResult(True, words, figures)
    return CheckResult(
        False,
        f"{words}, fewer than {least:.0%}: the filters or the range leave too few. The table "
        f"`rejected` of hard_negatives says which; loosen that one, search deeper "
        f"(filters.max_search_depth), ask for fewer (mining.num_negatives), or lower checks.min_full_query_share",
        figures,
    )


def ledger_is_complete(ledger: Path, negatives: Path, candidates: Path) -> CheckResult:
    """Whether every candidate of a mined query is in the ledger once, and every choice is there."""
    found = check_ledger(ledger, negatives, candidates)
    figures = {"candidates": found.candidates, "chosen": found.chosen, "queries": found.queries}
    if not found.problems:
        return CheckResult(True, "every candidate is there once", figures)
    return CheckResult(
        False, f"{'; '.join(found.problems)}: materialize hard_negatives again", figures
    )


def rate_is_within_target(audit: Path, target: float | None) -> CheckResult:
    """Whether the measured leak is not above the target.

    It blocks where even the lower end of the interval is above, and warns where that is open.
    """
    import pandas as pd

    if target is None:
        return CheckResult(True, "no filters.target_false_negative_rate is set to compare with")
    methods = pd.read_parquet(audit)
    own = methods[methods.method == CHOSEN].to_dict("records")
    if not own or not own[0]["negatives"]:
        return CheckResult(
            False,
            f"nothing was measured, so that a rate under {target:g} cannot be shown: label a "
            f"second positive for more queries, or unset filters.target_false_negative_rate",
            blocks=False,
        )
    leak, low, high = (own[0][name] for name in ("leak", "leak_low", "leak_high"))
    words = (
        f"{leak:.3%} of the negatives are hidden positives (95 % interval {low:.3%} to "
        f"{high:.3%}); the target is {target:.3%}"
    )
    if leak <= target:
        return CheckResult(True, words, {"leak": leak})
    return CheckResult(
        False,
        f"{words}. Lower the target, or label what likely_missing_labels lists",
        {"leak": leak},
        blocks=bool(low > target),
    )
