"""Low-rank adapters (LoRA, https://arxiv.org/abs/2106.09685), by peft."""

from typing import Any

from hn_assets.settings.training import LoraSettings


def add_adapters(model: Any, settings: LoraSettings) -> None:
    """Put adapters beside the layers of a `SentenceTransformer`; they alone will be trained."""
    from peft import LoraConfig, TaskType

    named = settings.target_modules
    layers = named if named == "all-linear" else [name.strip() for name in named.split(",")]
    model.add_adapter(
        LoraConfig(
            task_type=TaskType.FEATURE_EXTRACTION,
            r=settings.rank,
            lora_alpha=settings.alpha,  # type: ignore[arg-type]  # a float is as good
            lora_dropout=settings.dropout,
            target_modules=layers,
        )
    )


def merge_adapters(model: Any) -> None:
    """Add what the adapters have learned to the weights, and take the adapters away."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    network = model[0].model
    for name, layer in list(network.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, layer.get_base_layer())  # type: ignore[operator]
    network._hf_peft_config_loaded = False
    if hasattr(network, "peft_config"):
        del network.peft_config
