"""Where training files and models come from, as the cards of their repositories say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hn_assets.settings.encoding import BUNDLED

BUNDLED_ON_HUB = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Provenance:
    """Where training files come from.

    Attributes:
        dataset: The name of the dataset.
        source: Where corpus, queries and qrels come from.
        model: The model that mined the negatives.
        weights: The hash of its weights.
        split: The split whose queries have negatives.
        counts: How many documents, queries and so on there are, by what is counted.
        plan: How the negatives were chosen, in a sentence without its full stop.
        false_negative_rate: The rate with its interval, its kind, and what this kind rests on.
        settings: The settings that decided which negatives there are.
        versions: The version of each stage, by its name, and that of this package.
        license: The licence as the hub abbreviates it; "" if none was given.
    """

    dataset: str
    source: str
    model: str
    weights: str
    split: str
    counts: Mapping[str, int]
    plan: str
    false_negative_rate: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    license: str


@dataclass(frozen=True)
class ModelProvenance:
    """Where a promoted model comes from.

    Attributes:
        base_model: The model that was trained, as `model_name` calls it.
        weights: The hash of the weights of the promoted model.
        round: How many models were promoted on the same data up to this one.
        quality: The comparison with the model before, as a sentence without its full stop.
        settings: The settings of training.
        mined_with: The model that mined the negatives that it was trained on.
        plan: How these were chosen, in a sentence without its full stop.
        mining: The settings that decided which negatives there were.
        false_negative_rate: Their rate with its interval and its kind.
        versions: The versions of the stages that it was trained on, by their names.
    """

    base_model: str
    weights: str
    round: int
    quality: str
    settings: Mapping[str, Any]
    mined_with: str
    plan: str
    mining: Mapping[str, Any]
    false_negative_rate: str
    versions: Mapping[str, str]


def model_name(name: str) -> str:
    """What strangers know a model by: its name on the hub, or the last part of its folder.

    >>> model_name("bundled"), model_name("/home/me/runs/best"), model_name("BAAI/bge-m3")
    ('sentence-transformers/all-MiniLM-L6-v2', 'best', 'BAAI/bge-m3')
    """
    if name == BUNDLED:
        return BUNDLED_ON_HUB
    return name if is_on_hub(name) else Path(name).name


def is_on_hub(name: str) -> bool:
    """Whether a model's name is one of the hub, not a folder of this machine.

    >>> is_on_hub("BAAI/bge-m3"), is_on_hub("./runs/best")
    (True, False)
    """
    is_folder = "*" in name or name.startswith((".", "/", "~")) or Path(name).is_dir()
    return name.count("/") == 1 and not is_folder
