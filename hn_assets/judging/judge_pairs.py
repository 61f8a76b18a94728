"""Ask the judge about pairs, within a budget, and never twice about the same."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from hn_assets.errors import JudgeUnavailableError
from hn_assets.judging.kept_answers import Answer, KeptAnswers
from hn_assets.judging.prompt import answer_key, estimate_tokens, fill_prompt
from hn_assets.settings.judge import JudgeSettings

MAX_FAILURES = 5  # calls in a row that fail, before the run gives up
Ask = Callable[[str, str], Answer]


@dataclass(frozen=True)
class JudgeReport:
    """What was asked and answered.

    Attributes:
        answers: The answer to each pair, in the order of the pairs; None if there is none yet.
        calls: How many calls this run has made.
        kept: How many pairs had an answer before.
        left: How many pairs have no answer yet.
        tokens_left: About how many tokens it takes to ask about these.
        input_tokens: How many tokens were read in this run, as the endpoint says.
        output_tokens: How many tokens were written in this run.
        failure: Why the last call that failed did so; "" if none has.
    """

    answers: list[Answer | None]
    calls: int = 0
    kept: int = 0
    left: int = 0
    tokens_left: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    failure: str = ""


@dataclass
class _Run:
    answered: list[Answer] = field(default_factory=list)
    failures_in_a_row: int = 0
    failure: str = ""


def judge_pairs(
    texts: Sequence[Mapping[str, str]],
    prompt: str,
    settings: JudgeSettings,
    kept: KeptAnswers,
    ask: Ask | None,
) -> JudgeReport:
    """Ask about each pair that has no answer yet; equal ones are asked about once.

    Args:
        texts: The texts `query`, `passage` and `positive` of each pair.
        prompt: From `read_prompt`.
        settings: The section `judge`.
        kept: The answers so far; each new one is in it before the next is waited for.
        ask: Asks about a pair, by the name of the answer and the filled prompt; None if nothing is
            to be asked.

    Raises:
        JudgeError: Every other call would fail in the same way.
        JudgeUnavailableError: Several calls in a row failed.
    """
    filled: dict[str, str] = {}
    keys: list[str] = []
    for each in texts:
        text = fill_prompt(prompt, each, settings.max_characters)
        keys.append(answer_key(settings.model, text))
        filled[keys[-1]] = text
    before = sum(kept.get(key) is not None for key in keys)
    wanted = [key for key in filled if kept.get(key) is None]
    run = _Run()
    if ask is not None:
        todo = islice(wanted, settings.max_calls)
        _ask_all(((key, filled[key]) for key in todo), ask, kept, settings.concurrency, run)
    answers = [kept.get(key) for key in keys]
    left = [key for key in wanted if kept.get(key) is None]
    return JudgeReport(
        answers=answers,
        calls=len(run.answered),
        kept=before,
        left=sum(answer is None for answer in answers),
        tokens_left=sum(estimate_tokens(filled[key]) for key in left),
        input_tokens=sum(answer.input_tokens for answer in run.answered),
        output_tokens=sum(answer.output_tokens for answer in run.answered),
        failure=run.failure,
    )


def _ask_all(
    todo: Iterable[tuple[str, str]], ask: Ask, kept: KeptAnswers, at_once: int, run: _Run
) -> None:
    """Ask about all pairs, so many at a time; an error that concerns all ends it."""

    def ask_and_keep(key: str, text: str) -> Answer:
        answer = ask(key, text)
        kept.keep(answer)
        return answer

    waiting: Iterator[tuple[str, str]] = iter(todo)
    with ThreadPoolExecutor(at_once) as threads:
        running: set[Future[Answer]] = set()
        while True:
            for pair in islice(waiting, at_once - len(running)):
                running.add(threads.submit(ask_and_keep, *pair))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                _take(future, run)


def _take(future: Future[Answer], run: _Run) -> None:
    try:
        run.answered.append(future.result())
        run.failures_in_a_row = 0
    except JudgeUnavailableError as error:
        run.failure = str(error)
        run.failures_in_a_row += 1
        if run.failures_in_a_row >= MAX_FAILURES:
            raise JudgeUnavailableError(
                f"{MAX_FAILURES} calls in a row failed; the {len(run.answered)} answers of this "
                f"run are kept. The last: {error}"
            ) from None
