"""A judge on loopback: nothing is paid twice or lost, and no error says the key."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from hn_assets.errors import JudgeError, JudgeUnavailableError, SettingsError
from hn_assets.judging.judge_pairs import judge_pairs
from hn_assets.judging.kept_answers import Answer, KeptAnswers
from hn_assets.judging.prompt import (
    DEFAULT_PROMPT,
    answer_key,
    estimate_tokens,
    fill_prompt,
    read_prompt,
)
from hn_assets.settings.judge import JudgeSettings
from hn_assets_tests.judging.chat_server import KEY, chat_server, completion, error, verdict
from hn_assets_tests.judging.judge_many import judge_many

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="needs the extra judge")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def words(path: Path) -> list[str]:
    return [json.loads(line)["verdict"] for line in path.read_text().splitlines()]


def test_killed_in_the_middle_no_pair_is_paid_twice_and_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    command = [sys.executable, "-m", "hn_assets_tests.judging.judge_many"]
    with chat_server(seconds=0.01) as server:
        arguments = [*command, server.url, str(path), "500"]
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while len(server.answered) < 200:
            assert time.monotonic() < end, "the judge was not asked"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        in_the_middle = len(words(path))
        assert 150 < in_the_middle < 500
        done = subprocess.run(arguments, check=True, capture_output=True, text=True)
        calls, kept, left = map(int, done.stdout.split())
        assert (calls + kept, left) == (500, 0)
        assert kept == in_the_middle
        # only what was on its way at the kill is asked again, under the name that it had
        assert len(server.answered) == 500
        assert len(server.asked) <= 500 + JudgeSettings(base_url=server.url, model="m").concurrency
        assert len(set(server.asked)) == 500
        again = judge_many(server.url, path, 500)
        assert (again.calls, again.kept, again.left) == (0, 500, 0)
        assert server.keys == {KEY}
    assert KEY not in path.read_text()


def test_a_line_that_a_kill_has_torn_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    with chat_server() as server:
        judge_many(server.url, path, 3, concurrency=1)
        path.write_bytes(path.read_bytes()[:-20])
        report = judge_many(server.url, path, 3)
    assert (report.calls, report.kept) == (1, 2)
    with KeptAnswers(path) as kept:
        assert all(kept.get(answer.key) == answer for answer in report.answers if answer)


def test_rate_limits_and_errors_that_pass_are_waited_for(tmp_path: Path) -> None:
    replies = [
        error(429, "rate_limit", Retry_After="1"),
        error(503, "overloaded"),
        verdict("relevant", "it says so"),
    ]
    with chat_server(lambda number, prompt: replies[number]) as server:
        start = time.monotonic()
        report = judge_many(server.url, tmp_path / "a.jsonl", 1)
        assert time.monotonic() - start >= 1
    assert report.answers[0] is not None
    assert (report.answers[0].verdict, report.answers[0].reason) == ("relevant", "it says so")
    assert (report.calls, report.input_tokens, report.output_tokens) == (1, 90, 10)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (completion("I would rather talk about cats"), "malformed"),
        (completion('{"verdict": "maybe", "reason": "x"}'), "malformed"),
        (completion(""), "malformed"),
        (completion('{"verdict": "rel', finish="length"), "malformed"),
        (completion(None, refusal="I cannot judge that"), "refused"),
        (completion(None, finish="content_filter"), "refused"),
        (error(400, "content_filter"), "refused"),
        ((200, {}, {"id": "c", "object": "chat.completion", "choices": []}), "malformed"),
    ],
)
def test_what_is_no_verdict_is_kept_and_not_asked_again(tmp_path: Path, reply, said: str) -> None:
    with chat_server(lambda number, prompt: reply) as server:
        report = judge_many(server.url, tmp_path / "a.jsonl", 1)
        assert report.answers[0] is not None
        assert report.answers[0].verdict == said
        assert judge_many(server.url, tmp_path / "a.jsonl", 1).calls == 0
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        error(401, "invalid_api_key", f"Incorrect API key provided: {KEY}"),
        error(403, "forbidden"),
        error(404, "model_not_found"),
        error(429, "insufficient_quota"),
    ],
)
def test_what_every_call_would_meet_ends_the_run_without_the_key(
    tmp_path: Path, reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with chat_server(lambda number, prompt: reply) as server:
        with pytest.raises(JudgeError, match=r"judge\.base_url, judge\.model") as raised:
            judge_many(server.url, tmp_path / "a.jsonl", 20, concurrency=1, max_retries=0)
        assert len(server.asked) <= 2
    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is None
    assert KEY not in caplog.text


def test_calls_that_fail_in_a_row_end_the_run_and_answers_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    def reply(number: int, prompt: str):
        return verdict("relevant") if number < 7 else error(500, "broken")

    with chat_server(reply) as server:
        with pytest.raises(JudgeUnavailableError, match=r"5 calls in a row failed; the 7 answers"):
            judge_many(server.url, path, 40, concurrency=1, max_retries=0)
        assert words(path) == ["relevant"] * 7


def test_one_call_that_fails_is_left_for_the_next_run(tmp_path: Path) -> None:
    def reply(number: int, prompt: str):
        return error(500, "broken") if "query 3\n" in prompt else verdict("unsure")

    with chat_server(reply) as server:
        report = judge_many(server.url, tmp_path / "a.jsonl", 6, max_retries=0)
    assert (report.calls, report.left) == (5, 1)
    assert report.answers[3] is None
    assert "500" in report.failure


def test_a_server_that_is_too_slow_is_not_waited_for(tmp_path: Path) -> None:
    with (
        chat_server(seconds=1.5) as server,
        pytest.raises(JudgeUnavailableError, match="does not answer"),
    ):
        options = {"timeout_seconds": 0.1, "max_retries": 0, "concurrency": 5}
        judge_many(server.url, tmp_path / "a.jsonl", 5, **options)


def test_the_budget_limits_a_run_and_the_next_goes_on(tmp_path: Path) -> None:
    with chat_server() as server:
        first = judge_many(server.url, tmp_path / "a.jsonl", 10, max_calls=4)
        second = judge_many(server.url, tmp_path / "a.jsonl", 10, max_calls=4)
        assert (first.calls, first.left) == (4, 6)
        assert first.tokens_left > 6 * 100
        assert (second.calls, second.kept, second.left) == (4, 4, 2)
        assert len(server.asked) == 8
        schema = server.formats[0]["json_schema"]["schema"]
        assert schema["properties"]["verdict"]["enum"] == ["relevant", "not relevant", "unsure"]


def test_another_model_prompt_or_text_is_another_question(tmp_path: Path) -> None:
    with chat_server() as server:
        judge_many(server.url, tmp_path / "a.jsonl", 2)
        assert judge_many(server.url, tmp_path / "a.jsonl", 2, model="other").calls == 2
        assert judge_many(server.url, tmp_path / "a.jsonl", 3).calls == 1


def test_equal_pairs_are_asked_about_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(key: str, filled: str) -> Answer:
        asked.append(filled)
        return Answer(key=key, verdict="relevant", reason="", model="m", prompt="p")

    settings = JudgeSettings(base_url="http://localhost/v1", model="m")
    texts = [{"query": "q", "passage": "p", "positive": ""}] * 3
    with KeptAnswers(tmp_path / "a.jsonl") as kept:
        report = judge_pairs(texts, DEFAULT_PROMPT, settings, kept, ask)
        assert len(asked) == report.calls == 1
        assert [answer.verdict for answer in report.answers if answer] == ["relevant"] * 3
        nothing = judge_pairs(texts, DEFAULT_PROMPT + "!", settings, kept, None)
    assert (nothing.calls, nothing.left) == (0, 3)


def test_a_key_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(JudgeError, match="OPENAI_API_KEY, which judge.api_key_env names, is not"):
        judge_many("http://127.0.0.1:9/v1", tmp_path / "a.jsonl", 1)
    with chat_server() as server:
        judge_many(server.url, tmp_path / "a.jsonl", 1, api_key_env="")
        assert server.keys == {"none"}


@pytest.mark.parametrize(
    "url", ["http://me:secret@host/v1", "http://host/v1?key=secret", "ftp://host", "host/v1"]
)
def test_a_url_with_a_secret_in_it_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="base_url") as raised:
        JudgeSettings(base_url=url, model="m")
    assert "secret" not in str(raised.value)


def test_nothing_in_a_text_is_a_place_to_fill_or_an_instruction(tmp_path: Path) -> None:
    texts = {"query": "{passage}", "passage": "{positive} \x1b[2J", "positive": "yes"}
    filled = fill_prompt("{query}|{passage}|{positive}|{other}", texts, 1_000)
    assert filled == "{passage}|{positive} [2J|yes|{other}"
    long = fill_prompt("{query}", {"query": "x" * 500}, 100)
    assert long == "x" * 100
    assert estimate_tokens(long) == 26
    assert answer_key("m", long) != answer_key("n", long)
    own = tmp_path / "prompt.txt"
    own.write_text("Is {passage} good?")
    with pytest.raises(SettingsError, match=r"lacks \{query\}"):
        read_prompt(own)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_prompt(tmp_path / "nothing")
    own.write_text("Is {passage} good for {query}?")
    assert read_prompt(own) == "Is {passage} good for {query}?"
    assert read_prompt(None) == DEFAULT_PROMPT
