"""Asks an endpoint that speaks OpenAI's protocol, through the official client.

The client itself tries again after rate limits, errors of the server and time-outs, and obeys the
server's Retry-After.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hn_assets.errors import JudgeError, JudgeUnavailableError
from hn_assets.extras import import_optional
from hn_assets.judging.kept_answers import Answer
from hn_assets.judging.prompt import JudgeReply
from hn_assets.settings.judge import JudgeSettings
from hn_assets.text import shorten

if TYPE_CHECKING:
    from openai import OpenAI

MAX_REASON = 500  # characters of a reason that are kept
# errors of the client that another call would meet again
FATAL = ("AuthenticationError", "PermissionDeniedError", "NotFoundError")
NO_MONEY = "insufficient_quota"
FILTERED = "content_filter"


class Endpoint:
    """The judge.

    Args:
        settings: The section `judge`.
        prompt: From `prompt_hash`, for the answers.

    Raises:
        JudgeError: The environment variable of the key is not set.
        MissingExtraError: The client is not installed.
    """

    def __init__(self, settings: JudgeSettings, prompt: str) -> None:
        self._openai: Any = import_optional("openai", extra="judge", needed_for="a judge")
        self._settings = settings
        self._prompt = prompt
        self._key = _read_key(settings)
        self._client: OpenAI = self._openai.OpenAI(
            base_url=settings.base_url,
            api_key=self._key or "none",
            max_retries=settings.max_retries,
            timeout=settings.timeout_seconds,
        )

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def ask(self, key: str, filled: str) -> Answer:
        """Ask about one pair.

        Args:
            key: The name of the answer. It goes along as `Idempotency-Key`, by which an endpoint
                that knows this header gives, and bills, the same answer once.
            filled: The prompt with its texts.

        Raises:
            JudgeError: Every other call would fail in the same way.
            JudgeUnavailableError: This call failed, after all its retries; another may not.
        """
        openai = self._openai
        try:
            completion = self._client.chat.completions.parse(
                model=self._settings.model,
                messages=[{"role": "user", "content": filled}],
                response_format=JudgeReply,
                extra_headers={"Idempotency-Key": key},
            )
        except (ValidationError, openai.LengthFinishReasonError) as error:
            return self._answer(key, "malformed", self._describe(error))
        except openai.ContentFilterFinishReasonError:
            return self._answer(key, "refused", "the endpoint's content filter stopped the answer")
        except openai.APIStatusError as error:
            if error.code == FILTERED:
                return self._answer(key, "refused", self._describe(error))
            said = f"{self._settings.base_url} refuses the judge's call: {self._describe(error)}"
            if type(error).__name__ in FATAL or error.code == NO_MONEY:
                # not from `error`, whose request holds the key
                raise JudgeError(
                    f"{said}. Look at judge.base_url, judge.model and the key in "
                    f"{self._settings.api_key_env or 'judge.api_key_env'}"
                ) from None
            raise JudgeUnavailableError(said) from None
        except openai.APIError as error:  # no connection, or too slow
            raise JudgeUnavailableError(
                f"{self._settings.base_url} does not answer the judge's call: "
                f"{self._describe(error)}"
            ) from None
        return self._read(key, completion)

    def _read(self, key: str, completion: Any) -> Answer:
        if not getattr(completion, "choices", None):
            return self._answer(key, "malformed", "the answer has no choices")
        message = completion.choices[0].message
        usage = completion.usage
        tokens = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)
        if message.refusal:
            return self._answer(key, "refused", message.refusal, tokens)
        if message.parsed is None:
            return self._answer(key, "malformed", "the answer is empty", tokens)
        return self._answer(key, message.parsed.verdict, message.parsed.reason, tokens)

    def _answer(
        self, key: str, verdict: str, reason: str, tokens: tuple[int, int] = (0, 0)
    ) -> Answer:
        return Answer(
            key=key,
            verdict=verdict,
            reason=shorten(self._hide(reason), MAX_REASON),
            model=self._settings.model,
            prompt=self._prompt,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
        )

    def _describe(self, error: Exception) -> str:
        return shorten(self._hide(f"{type(error).__name__}: {error}"), MAX_REASON)

    def _hide(self, text: str) -> str:
        """A text of the endpoint without the key, which some repeat in their errors."""
        return text.replace(self._key, "***") if self._key else text


def _read_key(settings: JudgeSettings) -> str:
    name = settings.api_key_env
    if not name:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise JudgeError(
            f"the environment variable {name}, which judge.api_key_env names, is not set: set it "
            f"to the key of {settings.base_url}, or leave judge.api_key_env empty if there is none"
        )
    return key
