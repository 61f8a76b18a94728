"""The prompt of a kind of text: what is put before it, and where that is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hn_assets.settings.encoding import EncodingSettings

Kind = Literal["query", "passage"]

PROMPTS_FILE = "config_sentence_transformers.json"
# The names that sentence-transformers documents for encode_query and encode_document, in the order
# in which they are looked for. Its release 6.2 fills in an empty "document", and so misses the
# others; a prompt that a model states for its passages is used here whatever it is called.
NAMES: Mapping[Kind, tuple[str, ...]] = {
    "query": ("query",),
    "passage": ("document", "passage", "corpus"),
}


@dataclass(frozen=True)
class Prompt:
    r"""What is put before every text of a kind.

    Attributes:
        instruction: The text of the prompt; "" for none.
        pattern: How prompt and text are joined; `\n` may stand for the end of a line.
        source: Who says so: `settings`, a file of the model, or `default`.

    >>> Prompt("query: ").join("what is a cat")
    'query: what is a cat'
    """

    instruction: str = ""
    pattern: str = "{}{}"
    source: str = "default"

    def join(self, text: str) -> str:
        """A text as the model reads it."""
        return self._lines.format(self.instruction, text) if self.instruction else text

    @property
    def prefix(self) -> str | None:
        """The prompt as other libraries state it: what stands before the text.

        None if something stands behind the text, which they cannot state.

        >>> Prompt("find", "task: {} | {}").prefix
        'task: find | '
        """
        before, text, behind = self.join("\0").partition("\0")
        return before if text and not behind else None

    @property
    def space(self) -> dict[str, str]:
        """What vectors depend on."""
        pattern = self._lines if self.instruction else ""
        return {"instruction": self.instruction, "instruction_format": pattern}

    @property
    def _lines(self) -> str:
        return self.pattern.replace("\\n", "\n")  # as FlagEmbedding reads it


def choose_prompt(settings: EncodingSettings, kind: Kind, stated: Mapping[str, str]) -> Prompt:
    """The prompt of a kind of text: that of the settings, else that of the model's own files.

    Args:
        settings: Of encoding; an empty instruction is a prompt, too: none.
        kind: Queries or passages.
        stated: The prompts in the model's own file, by name.
    """
    given, pattern = (
        (settings.query_instruction, settings.query_instruction_format)
        if kind == "query"
        else (settings.passage_instruction, settings.passage_instruction_format)
    )
    if given is not None:
        return Prompt(given, pattern, "settings")
    for name in NAMES[kind]:
        if stated.get(name):
            return Prompt(stated[name], pattern, f"prompt {name!r} of {PROMPTS_FILE}")
    return Prompt("", pattern)
