"""Every answer that was paid for, on the disk before the next one is waited for."""

import os
from pathlib import Path
from threading import Lock
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from hn_assets.closing import ClosedAtExit


class Answer(BaseModel):
    """What the judge said of a pair.

    Attributes:
        key: From `answer_key`.
        verdict: `relevant`, `not relevant` or `unsure`; `refused` if the model refuses to judge;
            `malformed` if its answer has another form. All of these were paid for.
        reason: Why, in the model's words.
        model: The name of the model.
        prompt: From `prompt_hash`.
        input_tokens: How many tokens were read, as the endpoint says; 0 if it does not.
        output_tokens: How many tokens were written.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    verdict: str
    reason: str
    model: str
    prompt: str
    input_tokens: int = 0
    output_tokens: int = 0


class KeptAnswers(ClosedAtExit):
    """The answers of earlier runs, and those of this one; a line of a file each.

    Args:
        path: The file; it is made when the first answer is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._file: IO[bytes] | None = None
        self._answers: dict[str, Answer] = {}
        self._read()

    def close(self) -> None:
        """End the file; what was kept stays."""
        if self._file is not None:
            self._file.close()

    def get(self, key: str) -> Answer | None:
        """The answer of this name, or None if it was never given."""
        return self._answers.get(key)

    def keep(self, answer: Answer) -> None:
        """Keep an answer; when this returns, it outlives a crash of the machine."""
        line = f"{answer.model_dump_json()}\n".encode()
        with self._lock:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab")
                if self._is_torn:
                    self._file.write(b"\n")
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._answers[answer.key] = answer

    def _read(self) -> None:
        """Read the file; a line that a killed run wrote half of is passed over."""
        content = self._path.read_bytes() if self._path.exists() else b""
        self._is_torn = bool(content) and not content.endswith(b"\n")
        for line in content.splitlines():
            try:
                answer = Answer.model_validate_json(line)
            except ValidationError:
                continue
            self._answers[answer.key] = answer
