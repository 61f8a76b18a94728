"""Find a reranker, load it with FlagEmbedding, and score pairs of query and passage with it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.models.model import find_model, identify_weights
from hn_assets.errors import ModelError
from hn_assets.settings.teacher import TeacherSettings

if TYPE_CHECKING:
    from FlagEmbedding.abc.inference import AbsReranker

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
    """

    name: str
    location: str
    weights: str
    model_class: str | None


def identify_reranker(settings: TeacherSettings) -> RerankerIdentity:
    """Find the reranker that `settings` name, and hash its weights.

    Raises:
        ModelError: There is no such folder, or what it holds is no reranker.
        HubError: It is no folder, and the hub does not give it.
    """
    location = find_model(settings.model, SETTING)
    model_class = None if settings.model_class == "auto" else settings.model_class
    if model_class is None:
        from FlagEmbedding.inference.reranker.model_mapping import AUTO_RERANKER_MAPPING

        if Path(location).name not in AUTO_RERANKER_MAPPING:
            model_class = ENCODER
    if model_class == ENCODER and Path(location).is_dir():
        _check_has_head(Path(location))
    return RerankerIdentity(settings.model, location, identify_weights(location), model_class)


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


def choose_precision(devices: Sequence[str], wanted: str) -> str:
    """float32 on a CPU, as FlagEmbedding's rerankers know nothing else there; else half precision.

    >>> choose_precision(["cpu"], "auto"), choose_precision(["cuda:0"], "bfloat16")
    ('float32', 'float16')
    """
    half = wanted != "float32" and all(device.startswith("cuda") for device in devices)
    return "float16" if half else "float32"


class Reranker:
    """Scores pairs of a query and a passage.

    Args:
        identity: From `identify_reranker`.
        settings: Of the teacher.
        devices: Torch devices; with several, FlagEmbedding starts a process for each.
        precision: From `choose_precision`.

    Raises:
        ModelError: The model cannot be loaded.
    """

    def __init__(
        self,
        identity: RerankerIdentity,
        settings: TeacherSettings,
        *,
        devices: list[str],
        precision: str,
    ) -> None:
        self._identity = identity
        self._model = _load(identity, settings, devices, precision)

    def score(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """The model's score of each (query, passage), higher is better; float32, shape (pairs,).

        Raises:
            ModelError: A score is missing, NaN or infinite, or the model cannot compute it.
        """
        try:
            computed = self._model.compute_score(list(pairs))
        except Exception as error:  # FlagEmbedding and transformers raise errors of many kinds
            raise ModelError(f"{self._identity.name} cannot score: {error}") from error
        scores = np.asarray(computed, np.float32).reshape(-1)
        if len(scores) != len(pairs):
            raise ModelError(
                f"{self._identity.name} gives {len(scores)} scores for {len(pairs)} pairs: it is "
                f"no reranker, which gives one for each. Set {SETTING} to one that is"
            )
        if not np.isfinite(scores).all():
            query, passage = pairs[int(np.argmin(np.isfinite(scores)))]
            raise ModelError(
                f"{self._identity.name} gives a score that is not finite for the query "
                f"{query[:80]!r} and the passage {passage[:80]!r}: the model or its precision is "
                f"broken. Try compute.precision: float32, or another model"
            )
        return scores

    def close(self) -> None:
        """End the processes of further devices."""
        self._model.stop_self_pool()


def _load(
    identity: RerankerIdentity, settings: TeacherSettings, devices: list[str], precision: str
) -> "AbsReranker":
    from FlagEmbedding import FlagAutoReranker

    try:
        return FlagAutoReranker.from_finetuned(
            identity.location,
            model_class=identity.model_class,
            use_fp16=precision == "float16",
            trust_remote_code=settings.trust_remote_code,
            devices=devices,
            batch_size=settings.batch_size,
            max_length=settings.max_length,
        )
    except Exception as error:
        raise ModelError(f"{identity.name} cannot be loaded: {error}") from error


def _check_has_head(folder: Path) -> None:
    """Refuse a model without a head for scores, which would get a random one with a warning."""
    config: Mapping[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    names = config.get("architectures") or []
    labels = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    if not any("SequenceClassification" in name for name in names) or len(labels) != 1:
        raise ModelError(
            f"{folder} holds no reranker but {', '.join(names) or 'a model of no known kind'} with "
            f"{len(labels)} outputs; {SETTING} takes a cross-encoder with one output"
        )
