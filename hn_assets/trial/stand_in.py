"""A smaller model in the place of the one that is to be trained: its first layers."""

import shutil
from pathlib import Path
from typing import Any

from hn_assets.errors import SettingsError


def write_stand_in(model: Path, layers: int, folder: Path, *, trust_remote_code: bool) -> Path:
    """Write a model that consists of the embeddings and the first layers of another one.

    The modules behind its pooling are those of the whole model.

    Args:
        model: The folder of the whole model.
        layers: How many layers are kept.
        folder: An existing folder for the smaller model.
        trust_remote_code: Whether code that the model brings along may run.

    Returns:
        `folder`.

    Raises:
        SettingsError: The model has no list of layers, or no more than are to be kept.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    code = {"trust_remote_code": trust_remote_code}
    whole: Any = AutoModel.from_pretrained(str(model), **code)
    count = int(getattr(whole.config, "num_hidden_layers", 0))
    lists = {
        name: module
        for name, module in whole.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == count
    }
    if not lists or layers >= count:
        raise SettingsError(
            f"trial.layers is {layers}, and the model {model} has {count or 'no list of'} layers: "
            f"set it lower, or leave it out so that the whole model is trained"
        )
    for name, module in lists.items():
        parent, _, last = name.rpartition(".")
        setattr(whole.get_submodule(parent), last, module[:layers])
    whole.config.num_hidden_layers = layers
    if getattr(whole.config, "layer_types", None):  # of models whose layers are not alike
        whole.config.layer_types = whole.config.layer_types[:layers]
    whole.save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(model), **code).save_pretrained(folder)
    for module in model.iterdir():
        if (module / "config.json").is_file():
            shutil.copytree(module, folder / module.name)
    return folder
