"""An alert: what people are told of a run."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Alert:
    """What people are told.

    Attributes:
        dataset: The name of the dataset.
        kind: `failed run`, or `failed checks` if the run itself succeeded.
        title: What happened, on one line.
        lines: What failed and what can be done about it, one line each.
        run_id: The id of the Dagster run.
        link: The address of the run in the Dagster UI; empty if it is not known.

    >>> Alert("scifact", "failed run", "scifact: failed", ["corpus: no such file"], "1", "").text
    'scifact: failed\\n- corpus: no such file'
    """

    dataset: str
    kind: Literal["failed run", "failed checks"]
    title: str
    lines: list[str]
    run_id: str
    link: str

    @property
    def text(self) -> str:
        """The whole alert as one text."""
        lines = [self.title, *(f"- {line}" for line in self.lines)]
        return "\n".join([*lines, self.link] if self.link else lines)
