"""What a model's own files say of how it is used, as sentence-transformers saves and reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hn_assets.encoding.models.hub_model import file_finder
from hn_assets.encoding.models.model_files import read_configuration, read_json
from hn_assets.encoding.models.prompt import NAMES, PROMPTS_FILE, Kind
from hn_assets.errors import ModelError

DEFAULT_MAX_LENGTH = 512
MAX_STATED_LENGTH = 1_000_000  # tokenizers that know no limit state a number like 1e30
LIMITS_FILE = "sentence_bert_config.json"
MODULES_FILE = "modules.json"
# The modules that a model may have, by the names of their classes: a transformer, a pooling, then
# any number that turn a vector into another.
HEADS = ("Dense", "LayerNorm", "Dropout", "Normalize")
POOLINGS = {"cls": "cls", "mean": "mean", "lasttoken": "last_token"}
CARD_LINES = 200  # of a model card, among which are its metadata
WIDTHS = ("hidden_size", "d_model", "dim")  # the names of a transformer's width in its config.json


@dataclass(frozen=True)
class Head:
    """A module behind the pooling, which turns a vector into another.

    Attributes:
        path: Its folder within that of the model.
        kind: The name of its class in sentence-transformers, one of `HEADS`.
    """

    path: str
    kind: str


@dataclass(frozen=True)
class OwnFiles:
    """What the files of a model say; what they do not say is None or empty.

    Attributes:
        pooling: cls, mean or last_token; or another name, which is not known here.
        pooling_file: The file that says so.
        include_prompt: Whether the tokens of the prompt are pooled, too.
        prompts: The texts of the prompts, by name.
        default_prompt: The prompt of texts of no kind, if it is none of queries or passages.
        similarity: How its vectors are compared: cosine, dot, or others.
        heads: The modules behind the pooling, in their order.
        max_lengths: How many tokens of a text are read, by kind.
        max_length_file: The file that says so; "default" if none does.
        truncate_dim: How many numbers of a vector are kept.
        width: How many numbers a vector has before.
        lower_case: Whether texts are put into lower case.
        names: The names that the model may be known by, beside that of its folder.
    """

    pooling: str | None = None
    pooling_file: str = ""
    include_prompt: bool = True
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str = ""
    similarity: str | None = None
    heads: tuple[Head, ...] = ()
    max_lengths: Mapping[Kind, int] = field(default_factory=dict)
    max_length_file: str = "default"
    truncate_dim: int | None = None
    width: int | None = None
    lower_case: bool = False
    names: tuple[str, ...] = ()

    @property
    def ends_normalized(self) -> bool:
        """Whether its last module makes vectors of length 1."""
        return bool(self.heads) and self.heads[-1].kind == "Normalize"


def read_own_files(location: str, commit: str | None) -> OwnFiles:
    """Read what the small files of a model say.

    Args:
        location: A folder or the name of a model of the hub.
        commit: The commit of a hub model; None for a folder.

    Raises:
        ModelError: A file holds what cannot be, or the model has modules that cannot be computed.
        HubError: The hub does not give a file.
    """
    files = _Files(location, commit)
    pooling_folder, heads = _modules(files)
    pooling_file = f"{pooling_folder}/config.json"
    pooling_config = files.read(pooling_file)
    pooling = _pooling(pooling_config)
    prompts_config = files.read(PROMPTS_FILE)
    config = files.read("config.json")
    prompts = _prompts(files, prompts_config)
    default = _optional(files, PROMPTS_FILE, prompts_config, "default_prompt_name")
    of_a_kind = (*NAMES["query"], *NAMES["passage"])
    lengths, lengths_file = _max_lengths(files, config, is_stated=pooling is not None)
    width = _width(config)
    for head in heads:
        if head.kind == "Dense":
            width = _dense_width(files, head.path)
    return OwnFiles(
        pooling=pooling,
        pooling_file=pooling_file,
        include_prompt=pooling_config.get("include_prompt", True) is not False,
        prompts=prompts,
        default_prompt="" if default in of_a_kind else prompts.get(default or "", ""),
        similarity=_optional(files, PROMPTS_FILE, prompts_config, "similarity_fn_name"),
        heads=heads,
        max_lengths=lengths,
        max_length_file=lengths_file,
        truncate_dim=_number(files, PROMPTS_FILE, prompts_config, "truncate_dim", "dimensions"),
        width=width,
        lower_case=files.read(LIMITS_FILE).get("do_lower_case") is True,
        names=_names(files, config),
    )


class _Files:
    """The small files of a model."""

    def __init__(self, location: str, commit: str | None) -> None:
        self.location, self._commit = location, commit
        self._find = file_finder(location, commit)

    def read(self, name: str) -> dict[str, Any]:
        """The JSON object in a file; an empty one if the model has no such file."""
        path = self._find(name)
        return {} if path is None else read_configuration(path)

    def read_list(self, name: str) -> list[Any] | None:
        """The JSON list in a file; None if the model has no such file."""
        path = self._find(name)
        found = None if path is None else read_json(path)
        if found is not None and not isinstance(found, list):
            raise self.error(name, "holds no JSON list")
        return found

    def card(self) -> str:
        """The model card of a folder; "" without one. A model of the hub is known by its name."""
        path = Path(self.location) / "README.md"
        readable = self._commit is None and path.is_file()
        return path.read_text(encoding="utf-8", errors="replace") if readable else ""

    def error(self, name: str, what: str) -> ModelError:
        return ModelError(
            f"{name} of the model {self.location} {what}; mend it, or save or fetch the model again"
        )


def _modules(files: _Files) -> tuple[str, tuple[Head, ...]]:
    """The folder of the pooling, and the modules behind it."""
    listed = files.read_list(MODULES_FILE)
    if listed is None:
        return "1_Pooling", ()
    found = [_module(files, entry) for entry in listed]
    kinds = [kind for _, kind in found]
    if kinds == ["Transformer"]:  # its pooling is left to the settings
        return "1_Pooling", ()
    known = kinds[:2] == ["Transformer", "Pooling"] and all(kind in HEADS for kind in kinds[2:])
    if not known:
        raise ModelError(
            f"the model {files.location} is put together from {', '.join(kinds) or 'nothing'} "
            f"({MODULES_FILE}), and only models of Transformer, Pooling and then "
            f"{', '.join(HEADS[:-1])} or {HEADS[-1]} of sentence-transformers can be computed. "
            f"Take another model"
        )
    (pooling, _), behind = found[1], found[2:]
    return pooling, tuple(Head(path, kind) for path, kind in behind if kind != "Dropout")


def _module(files: _Files, entry: Any) -> tuple[str, str]:
    """Folder and name of the class of a module; other classes than the library's by full name."""
    path, name = (entry.get("path"), entry.get("type")) if isinstance(entry, dict) else (None, None)
    if not isinstance(path, str) or not isinstance(name, str):
        raise files.error(MODULES_FILE, "lists a module without path and type")
    parts = path.split("/")
    if ".." in parts or path.startswith("/") or "\0" in path or "\n" in path or "\r" in path:
        raise files.error(MODULES_FILE, f"names the folder {path!r}, which is none of the model's")
    own = name.startswith("sentence_transformers.")
    return path, name.rsplit(".", 1)[-1] if own else repr(name)


def _pooling(config: Mapping[str, Any]) -> str | None:
    """The pooling as this package calls it; of several at once, all their names."""
    mode = config.get("pooling_mode")  # as of sentence-transformers 6
    if mode is not None:
        modes = [str(name) for name in mode] if isinstance(mode, list) else [str(mode)]
    else:
        named = {"cls_token": "cls", "mean_tokens": "mean"}
        modes = [
            named.get(key, key)
            for key in (name.removeprefix("pooling_mode_") for name in config if _is_mode(name))
            if config[f"pooling_mode_{key}"]
        ]
    return " and ".join(POOLINGS.get(name, name) for name in modes) or None


def _is_mode(name: str) -> bool:
    return name.startswith("pooling_mode_")


def _prompts(files: _Files, config: Mapping[str, Any]) -> dict[str, str]:
    found = config.get("prompts") or {}
    if not isinstance(found, dict) or not all(
        isinstance(text, str) or text is None for text in found.values()
    ):
        raise files.error(PROMPTS_FILE, "has prompts that are no texts by name")
    return {name: text for name, text in found.items() if text is not None}


def _optional(files: _Files, file: str, config: Mapping[str, Any], key: str) -> str | None:
    value = config.get(key)
    if value is not None and not isinstance(value, str):
        raise files.error(file, f"has the {key} {value!r}, which is no name")
    return value


def _number(
    files: _Files, file: str, config: Mapping[str, Any], key: str, of: str = "tokens"
) -> int | None:
    value = config.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise files.error(file, f"has the {key} {value!r}, which is no number of {of}")
    return value


def _max_lengths(
    files: _Files, config: Mapping[str, Any], *, is_stated: bool
) -> tuple[dict[Kind, int], str]:
    """How many tokens are read of each kind of text, and which file says so."""
    limits = files.read(LIMITS_FILE)
    limit, source = _number(files, LIMITS_FILE, limits, "max_seq_length"), LIMITS_FILE
    if limit is None and is_stated:
        # as of sentence-transformers 6, the limit is that of the tokenizer, as far as there are
        # positions
        stated = {
            "tokenizer_config.json": files.read("tokenizer_config.json").get("model_max_length"),
            "config.json": config.get("max_position_embeddings"),
        }
        known = [(n, file) for file, n in stated.items() if _is_length(n)]
        limit, source = min(known) if known else (None, source)
    if limit is None:
        limit, source = DEFAULT_MAX_LENGTH, "default"
    query = _number(files, LIMITS_FILE, limits, "query_length")
    passage = _number(files, LIMITS_FILE, limits, "document_length")
    return {"query": query or limit, "passage": passage or limit}, source


def _is_length(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 1 <= value <= MAX_STATED_LENGTH


def _names(files: _Files, config: Mapping[str, Any]) -> tuple[str, ...]:
    """What the model was called when it was saved, and the models that its card says it is of."""
    name = config.get("_name_or_path")
    found = [name] if isinstance(name, str) else []
    for line in files.card().splitlines()[:CARD_LINES]:
        if line.startswith("base_model:"):
            found.append(line.removeprefix("base_model:").strip())
    return tuple(name for name in found if name)


def _width(config: Mapping[str, Any]) -> int | None:
    of_texts = config.get("text_config")
    for found in (config, of_texts if isinstance(of_texts, dict) else {}):
        for name in WIDTHS:
            if _is_length(found.get(name)):
                return int(found[name])
    return None


def _dense_width(files: _Files, path: str) -> int | None:
    name = f"{path}/config.json"
    config = files.read(name)
    given = config.get("module_input_name", "sentence_embedding")
    if given != "sentence_embedding":
        raise files.error(name, f"is for {given!r} and not for the vector of a text")
    return _number(files, name, config, "out_features", "dimensions")
