"""judge_verdicts: what a language model says of the review's sample and of some negatives."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from hn_assets.errors import StoreError
from hn_assets.judging.endpoint import Endpoint
from hn_assets.judging.judge_pairs import JudgeReport, judge_pairs
from hn_assets.judging.kept_answers import KeptAnswers
from hn_assets.judging.prompt import prompt_hash, read_prompt
from hn_assets.judging.questions import Questions, collect_questions
from hn_assets.pipeline.metadata import Metadata, counts, table
from hn_assets.pipeline.review_inputs import verdicts_path
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.review.review_result import choose_sample
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.judge import JudgeSettings
from hn_assets.sources.fingerprint import fingerprint_files
from hn_assets.sources.verdicts import read_verdicts
from hn_assets.store import Draft, layout, schemas
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

COMPLETE = "complete"  # the key of the manifest that says whether nothing is left to ask
SHOWN_ROWS = 5
# what decides how is asked, and not what is answered
NOT_OF_CONTENT = {
    "base_url",
    "api_key_env",
    "max_calls",
    "concurrency",
    "max_retries",
    "timeout_seconds",
}


def settings(settings: DatasetSettings) -> Resolved:
    """What is asked about, and what follows."""
    return _section(settings).model_dump(mode="json", exclude=NOT_OF_CONTENT)


def identify(context: StageContext) -> Resolved | None:
    """The prompt, and the verdicts of people; None as long as there is something left to ask."""
    try:
        manifest = context.place.manifest()
    except StoreError:
        manifest = None
    if manifest is not None and not manifest.info.get(COMPLETE, False):
        return None
    verdicts = verdicts_path(context.dataset) if context.settings.has_verdicts else None
    return {
        "prompt": prompt_hash(read_prompt(_prompt_path(context))),
        "verdicts": None if verdicts is None else fingerprint_files([verdicts]),
    }


def make(context: StageContext, draft: Draft) -> Metadata:
    """Ask about every pair that has no answer yet, as far as the budget goes."""
    chosen = _section(context.settings)
    prompt = read_prompt(_prompt_path(context))
    questions = _questions(context, chosen)
    store = context.dataset.store
    store.judge_answers.parent.mkdir(parents=True, exist_ok=True)
    # two runs at once would pay twice
    with FileLock(store.lock("judge")), KeptAnswers(store.judge_answers) as kept:
        report = _judge(questions, prompt, chosen, kept)
    is_answered = [answer is not None for answer in report.answers]
    answers = [answer for answer in report.answers if answer is not None]
    rows = questions.pairs[is_answered].assign(
        verdict=[answer.verdict for answer in answers],
        reason=[answer.reason for answer in answers],
        model=chosen.model,
        prompt=prompt_hash(prompt),
    )
    is_wrong = (rows.asked_as == "negative") & (rows.verdict == "relevant")
    rows["action"] = is_wrong.map({True: chosen.on_relevant, False: None}).astype(object)
    found = pa.Table.from_pandas(rows, schema=schemas.JUDGE_VERDICTS, preserve_index=False)
    path = draft.path(layout.JUDGE_VERDICTS.name)
    pq.write_table(found.replace_schema_metadata(None), path, compression="zstd")
    draft.info[COMPLETE] = not report.left
    if report.left and not chosen.dry_run:
        context.log.warning(
            f"{report.left} pairs have no verdict yet: the next run goes on "
            f"(judge.max_calls is {chosen.max_calls}). {report.failure}".strip()
        )
    return _describe(rows, report, questions, chosen)


def _judge(
    questions: Questions, prompt: str, chosen: JudgeSettings, kept: KeptAnswers
) -> JudgeReport:
    if chosen.dry_run:
        return judge_pairs(questions.texts, prompt, chosen, kept, None)
    endpoint = Endpoint(chosen, prompt_hash(prompt))
    try:
        return judge_pairs(questions.texts, prompt, chosen, kept, endpoint.ask)
    finally:
        endpoint.close()


def _describe(
    rows: pd.DataFrame, report: JudgeReport, questions: Questions, chosen: JudgeSettings
) -> Metadata:
    relevant = rows[rows.verdict == "relevant"]
    return {
        "dagster/row_count": len(rows),
        "whose_opinion": f"{chosen.model}; no measurement without people's verdicts",
        "dry_run": chosen.dry_run,
        "pairs": len(questions.texts),
        "calls_made": report.calls,
        "answers_kept_before": report.kept,
        "pairs_left": report.left,
        "tokens_left_about": report.tokens_left,
        "input_tokens": report.input_tokens,
        "output_tokens": report.output_tokens,
        "verdicts": counts(Counter(rows.verdict), "verdict"),
        "negatives_checked": int((rows.asked_as == "negative").sum()),
        "negatives_to_relabel_or_drop": int(rows.action.notna().sum()),
        "called_relevant": table(
            {
                "query_id": row["query_id"],
                "doc_id": row["doc_id"],
                "asked_as": row["asked_as"],
                "reason": shorten(row["reason"], 200),
            }
            for row in relevant.head(SHOWN_ROWS).to_dict("records")
        ),
    }


def _questions(context: StageContext, chosen: JudgeSettings) -> Questions:
    import pandas as pd

    path = context.optional_input(layout.REVIEW_SAMPLE)
    sample = None
    if path is not None:
        samples = pd.read_parquet(path)
        name = samples["sample"].iloc[0] if len(samples) else ""
        if context.settings.has_verdicts:
            # people and judge look at the same; a new sample waits for people
            verdicts = read_verdicts(verdicts_path(context.dataset))
            name = choose_sample(samples, verdicts) or name
        sample = samples[samples["sample"] == name]
    return collect_questions(
        sample,
        pd.read_parquet(context.input(layout.HARD_NEGATIVES)),
        chosen.check_negatives,
        corpus=context.input(layout.CORPUS),
        queries=context.input(layout.QUERIES),
    )


def _prompt_path(context: StageContext) -> Path | None:
    name = _section(context.settings).prompt
    return context.dataset.base / Path(name).expanduser() if name else None


def _section(settings: DatasetSettings) -> JudgeSettings:
    assert settings.judge is not None, "judge is not part of this dataset"
    return settings.judge


STAGE = Stage(
    writes=(layout.JUDGE_VERDICTS,),
    description=(
        "What a language model says of the review's sample and of the chosen negatives that are "
        "most probably relevant; an opinion, never the truth."
    ),
    make=make,
    version=1,
    reads=(layout.REVIEW_SAMPLE, layout.HARD_NEGATIVES, layout.CORPUS, layout.QUERIES),
    settings=settings,
    identify=identify,
    is_part_of=lambda settings: settings.judge is not None,
    kinds=lambda settings: {"openai"},
)
