"""Which model this is, and how it is used: by its own files, its name, and the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hn_assets.encoding.models.known_prompts import missing_prompt
from hn_assets.encoding.models.own_files import LIMITS_FILE, MODULES_FILE, Head, OwnFiles
from hn_assets.encoding.models.prompt import PROMPTS_FILE, Kind, Prompt, choose_prompt
from hn_assets.errors import ModelError
from hn_assets.settings.encoding import EncodingSettings

SETTINGS, DEFAULT, KNOWN_NAME = "settings", "default", "known of the name"


@dataclass(frozen=True)
class Usage:
    """How a model turns a text into a vector; known before it is loaded.

    Attributes:
        query_prompt: What stands before a query.
        passage_prompt: What stands before a passage.
        heads: The modules between the pooling and the end, in their order.
        dimensions: How many numbers of a vector are kept; None for all.
        normalize: Whether vectors are then given the length 1.
        lower_case: Whether texts are put into lower case.
        sources: Who says so, by the name of what is said: `settings`, a file of the model,
            `known of the name`, or `default`.
        missing_prompts: What to tell people of prompts that the model is known to want, by kind.
    """

    query_prompt: Prompt = field(default_factory=Prompt)
    passage_prompt: Prompt = field(default_factory=Prompt)
    heads: tuple[Head, ...] = ()
    dimensions: int | None = None
    normalize: bool = True
    lower_case: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    missing_prompts: Mapping[Kind, str] = field(default_factory=dict)

    def prompt(self, kind: Kind) -> Prompt:
        """What stands before a text of this kind."""
        return self.query_prompt if kind == "query" else self.passage_prompt


@dataclass(frozen=True)
class ModelIdentity:
    """Which model this is, to the last bit of its weights; known before it is loaded.

    Attributes:
        name: The name or folder that it was asked for by.
        location: The folder or hub name to load.
        weights: `sha256:...` of a folder's files, or `<name>@<commit>` for a hub model.
        model_class: FlagEmbedding's name of the class; None if FlagEmbedding knows the model.
        pooling: cls, mean or last_token.
        query_max_length: How many tokens of a query are read.
        passage_max_length: How many tokens of a passage are read.
        commit: The commit of a hub model; None for a folder.
        usage: How it is used otherwise.
    """

    name: str
    location: str
    weights: str
    model_class: str | None
    pooling: str
    query_max_length: int
    passage_max_length: int
    commit: str | None = None
    usage: Usage = field(default_factory=Usage)

    def max_length(self, kind: Kind) -> int:
        """How many tokens of a text of this kind are read."""
        return self.query_max_length if kind == "query" else self.passage_max_length

    @property
    def other_query_length(self) -> int | None:
        """How many tokens of a query are read, if it is another number than of a passage."""
        same = self.query_max_length == self.passage_max_length
        return None if same else self.query_max_length

    def describe_usage(self, kind: Kind) -> list[dict[str, object]]:
        """How a text of this kind becomes a vector, step by step, and who says so."""
        usage, said = self.usage, self.usage.sources
        prompt = usage.prompt(kind)
        heads = ", ".join(f"{head.kind} ({head.path})" for head in usage.heads)
        none = "none, though it seems to want one" if usage.missing_prompts.get(kind) else "none"
        steps = [
            ("prompt", repr(prompt.join("")) if prompt.instruction else none, prompt.source),
            ("lower case", "yes" if usage.lower_case else "", LIMITS_FILE),
            ("tokens at most", self.max_length(kind), said.get(f"{kind}_max_length", DEFAULT)),
            ("pooling", self.pooling, said.get("pooling", DEFAULT)),
            ("modules behind it", heads, MODULES_FILE),
            ("dimensions kept", usage.dimensions or "all", said.get("dimensions", DEFAULT)),
            (
                "length made 1",
                "yes" if usage.normalize else "no",
                said.get("normalize", DEFAULT),
            ),
        ]
        return [{"step": step, "value": value, "from": by} for step, value, by in steps if value]


def choose_usage(settings: EncodingSettings, own: OwnFiles, location: str) -> Usage:
    """How a model is used: as the settings say, else as its own files do.

    Args:
        settings: Of encoding.
        own: What the model's own files say.
        location: The folder or hub name, which the model may be known by.

    Raises:
        ModelError: It is asked for more dimensions than the model has, or its files ask for what
            cannot be done.
    """
    dimensions, dimensions_source = _dimensions(settings, own, location)
    normalize, normalize_source = _normalize(settings, own, location, dimensions)
    prompts: dict[Kind, Prompt] = {
        kind: choose_prompt(settings, kind, own.prompts) for kind in ("query", "passage")
    }
    if not own.include_prompt and any(prompt.instruction for prompt in prompts.values()):
        raise ModelError(
            f"{own.pooling_file} of the model {location} leaves the prompt out of the pooling "
            f"(include_prompt), which is not supported. Take another model, or set "
            f'encoding.query_instruction and encoding.passage_instruction to ""'
        )
    heads = list(own.heads)
    # The last step does it already, unless the vector is cut in between and has to stay as it is.
    while heads and heads[-1].kind == "Normalize" and (normalize or settings.normalize is False):
        heads.pop()
    names = (*own.names, *_names_of_folder(location))
    return Usage(
        query_prompt=prompts["query"],
        passage_prompt=prompts["passage"],
        heads=tuple(heads),
        dimensions=dimensions,
        normalize=normalize,
        lower_case=own.lower_case,
        sources={"dimensions": dimensions_source, "normalize": normalize_source},
        missing_prompts={
            kind: missing_prompt(settings.model, names, kind, prompt, own.default_prompt)
            for kind, prompt in prompts.items()
        },
    )


def _names_of_folder(location: str) -> list[str]:
    """What a model may be called, going by where it lies.

    >>> _names_of_folder("/cache/models--intfloat--e5-base/snapshots/0123")
    ['0123', 'models--intfloat--e5-base']
    """
    folder = Path(location)
    found = [folder.name]
    if folder.name.startswith("checkpoint-"):
        found.append(folder.parent.name)
    if folder.parent.name == "snapshots":  # in a cache of the hub
        found.append(folder.parent.parent.name)
    return found


def _dimensions(settings: EncodingSettings, own: OwnFiles, location: str) -> tuple[int | None, str]:
    """How many numbers are kept, None if all are, and who says so."""
    asked, width = settings.dimensions, own.width
    if asked is not None and width is not None and asked > width:
        raise ModelError(
            f"encoding.dimensions is {asked}, and the vectors of the model {location} have "
            f"{width}; set it to fewer, or leave it out"
        )
    found, source = (asked, SETTINGS) if asked else (own.truncate_dim, PROMPTS_FILE)
    if found is None or (width is not None and found >= width):
        return None, source if found else DEFAULT
    return found, source


def _normalize(
    settings: EncodingSettings, own: OwnFiles, location: str, dimensions: int | None
) -> tuple[bool, str]:
    """Whether vectors get the length 1, and who says so."""
    if settings.normalize is not None:
        return settings.normalize, SETTINGS
    similarity = own.similarity or "cosine"
    if similarity == "cosine":
        if own.similarity:
            return True, f"similarity 'cosine' of {PROMPTS_FILE}"
        return True, MODULES_FILE if own.ends_normalized else DEFAULT
    if similarity == "dot":
        if own.ends_normalized and dimensions is None:
            return True, MODULES_FILE
        return False, f"similarity 'dot' of {PROMPTS_FILE}"
    raise ModelError(
        f"{PROMPTS_FILE} of the model {location} compares its vectors by {similarity!r}, and only "
        f"cosine and dot can be searched by. Take another model, or set encoding.normalize: true "
        f"compares them by their cosine, false by their inner product"
    )
