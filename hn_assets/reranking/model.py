"""Find a reranker, say exactly which weights it has, and load it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hn_assets import hardware
from hn_assets.encoding.models.flagembedding_names import may_be_known
from hn_assets.encoding.models.hub_model import file_finder, model_folder
from hn_assets.encoding.models.model import find_model, identify_weights
from hn_assets.encoding.models.model_files import read_configuration
from hn_assets.encoding.models.unchanged import keep_as_hashed
from hn_assets.errors import ModelError
from hn_assets.hardware import Choice
from hn_assets.reranking.device_rerankers import CrossEncoder, FlagEmbeddingReranker
from hn_assets.reranking.pair_batches import PairTokenizer
from hn_assets.settings.teacher import TeacherSettings

SETTING = "teacher.model"
ENCODER = "encoder-only-base"
SCORING_VERSION = 1  # to be raised when the same pair and model would get another score


@dataclass(frozen=True)
class RerankerIdentity:
    """Which reranker this is, to the last bit of its weights; known before it is loaded.

    Attributes:
        name: The name or folder that it was asked for by.
        location: The folder or hub name to load.
        weights: `sha256:...` of a folder's files, or `<name>@<commit>` for a hub model.
        model_class: FlagEmbedding's name of the class; None if FlagEmbedding knows the model.
        is_cross_encoder: Whether it is an encoder with a head, which is driven here; FlagEmbedding
            drives all others.
        commit: The commit of a hub model; None for a folder.
    """

    name: str
    location: str
    weights: str
    model_class: str | None
    is_cross_encoder: bool
    commit: str | None = None


def identify_reranker(settings: TeacherSettings) -> RerankerIdentity:
    """Find the reranker that `settings` name, and hash its weights.

    Raises:
        ModelError: There is no such folder, what it holds is no reranker, or a revision of a folder
            is asked for.
        HubError: It is no folder, and the hub does not give it.
    """
    location = find_model(settings.model, SETTING)
    model_class = None if settings.model_class == "auto" else settings.model_class
    is_cross_encoder = False
    if model_class is None:
        known = _class_known_as(location)
        if known is None:
            model_class = ENCODER
        else:
            is_cross_encoder = known == ENCODER
    is_cross_encoder = is_cross_encoder or model_class == ENCODER
    weights, commit = identify_weights(location, settings.revision, "teacher")
    config = file_finder(location, commit)("config.json")
    if model_class == ENCODER and config is not None:
        _check_has_head(location, config)
    return RerankerIdentity(
        settings.model, location, weights, model_class, is_cross_encoder, commit
    )


def describe_space(
    identity: RerankerIdentity, settings: TeacherSettings, precision: str
) -> dict[str, Any]:
    """All that a score depends on beside its pair."""
    return {
        "teacher": identity.weights,
        "model_class": identity.model_class,
        "max_length": settings.max_length,
        "precision": precision,
        "scoring_version": SCORING_VERSION,
    }


def choose_precision(
    setting: str, *devices: str, choose: Callable[[str], Choice] | None = None
) -> Choice:
    """The precision to score in, which all devices share, with the reason.

    A teacher's scores are compared with fixed limits, so `auto` is float32 on a CPU, whatever it
    could compute faster in; on cards it is what the encoder computes in.

    Args:
        setting: `compute.precision`.
        *devices: The torch devices, at least one.
        choose: Chooses for devices of other machines; None if they are of this one.

    >>> choose_precision("auto", "cpu").value, choose_precision("bfloat16", "cpu").value
    ('float32', 'bfloat16')
    """
    if setting == "auto" and not all(device.startswith("cuda") for device in devices):
        return Choice("float32", "a teacher's scores are compared with fixed limits")
    if choose is not None:
        return choose(setting)
    return hardware.choose_precision(setting, *devices)


def load_on_device(
    device: str,
    *,
    identity: RerankerIdentity,
    settings: TeacherSettings,
    precision: str,
    batch_size: int,
    max_tokens_per_batch: int | None = None,
) -> CrossEncoder | FlagEmbeddingReranker:
    """Load a reranker and put it on a device.

    Args:
        device: The torch device.
        identity: From `identify_reranker`.
        settings: Of the teacher.
        precision: float32, tf32, bfloat16 or float16.
        batch_size: How many pairs FlagEmbedding computes at once, if it drives the model.
        max_tokens_per_batch: The most tokens of a batch, if it does not; None for the default.

    Raises:
        ModelError: The model cannot be loaded.
        ModelChangedError: Its files were written while it was loaded.
    """
    folder = model_folder(identity.location, identity.commit)
    try:
        driven_here = pair_tokenizer(identity, settings) is not None
        if driven_here:
            model = network = _load_cross_encoder(folder, settings)
        else:
            model = _load_with_flagembedding(
                folder, identity, settings, device, precision, batch_size
            )
            network = model.model
    except Exception as error:  # FlagEmbedding and transformers raise errors of many kinds
        raise ModelError(f"{identity.name} cannot be loaded: {error}") from error
    keep_as_hashed(network, identity.location, identity.weights)
    if driven_here:
        return CrossEncoder(model, identity.name, device, precision, max_tokens_per_batch)
    return FlagEmbeddingReranker(model, identity.name, device, precision)


def _load_cross_encoder(folder: str, settings: TeacherSettings) -> Any:
    """An encoder with a head, as FlagEmbedding's `FlagReranker` loads it."""
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(
        folder, trust_remote_code=settings.trust_remote_code
    )


def _load_with_flagembedding(
    folder: str,
    identity: RerankerIdentity,
    settings: TeacherSettings,
    device: str,
    precision: str,
    batch_size: int,
) -> Any:
    from FlagEmbedding import FlagAutoReranker

    halves = {"use_fp16": precision == "float16"}
    if not identity.is_cross_encoder:
        halves["use_bf16"] = precision == "bfloat16"
    return FlagAutoReranker.from_finetuned(
        folder,
        model_class=identity.model_class or _class_known_as(identity.location),
        trust_remote_code=settings.trust_remote_code,
        devices=[device],
        batch_size=batch_size,
        max_length=settings.max_length,
        **halves,
    )


def pair_tokenizer(identity: RerankerIdentity, settings: TeacherSettings) -> PairTokenizer | None:
    """What cuts pairs into batches; None if FlagEmbedding drives the model."""
    if not identity.is_cross_encoder:
        return None
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        model_folder(identity.location, identity.commit),
        trust_remote_code=settings.trust_remote_code,
    )
    return PairTokenizer(tokenizer, settings.max_length) if tokenizer.is_fast else None


def _class_known_as(location: str) -> str | None:
    """FlagEmbedding's class for a name it knows, which the folder of a hub's commit lacks."""
    name = Path(location).name
    if not may_be_known(name, "reranker"):
        return None
    from FlagEmbedding.inference.reranker import model_mapping

    by_name: Any = model_mapping.AUTO_RERANKER_MAPPING
    if name not in by_name:
        return None
    classes: Any = model_mapping.RERANKER_CLASS_MAPPING
    return next(own.value for own, kind in classes.items() if kind is by_name[name].model_class)


def _check_has_head(location: str, path: Path) -> None:
    """Refuse a model without a head for scores, which would get a random one with a warning."""
    config = read_configuration(path)
    listed, labels = config.get("architectures"), config.get("id2label")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    if not labels or not isinstance(labels, dict):
        labels = {"0": "LABEL_0", "1": "LABEL_1"}
    if not any("SequenceClassification" in name for name in names) or len(labels) != 1:
        raise ModelError(
            f"{location} holds no reranker but {', '.join(names) or 'a model of no known kind'} "
            f"with {len(labels)} outputs; {SETTING} takes a cross-encoder with one output"
        )
