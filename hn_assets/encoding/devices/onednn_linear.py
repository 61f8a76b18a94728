"""Make a model's linear layers as fast on a CPU as its bfloat16 units allow.

PyTorch lays a weight out anew for the matrix units at every call, and writes and reads the
activations once more for a GELU. oneDNN's own linear operator, to which `torch.compile` turns
layers, takes a weight laid out once and applies the GELU on the way. Called directly it gives that
speed for every shape of batch, with nothing to compile.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# oneDNN and its wrapper keep code and scratch memory for the last 1,024 shapes they saw, which
# grows to a gigabyte with texts of all lengths; fewer are no slower. Read at their first use
FEW_SHAPES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "32", "LRU_CACHE_CAPACITY": "32"}
TYPICAL_ROWS = 4096  # tokens in a batch: oneDNN picks the layout by it


def pack_linear_layers(network: "torch.nn.Module") -> str:
    """Replace the bfloat16 linear layers of `network`, on a CPU, in place.

    Returns:
        What was done, for people: how many layers were packed, or why none.
    """
    import torch
    from transformers.activations import GELUActivation

    if not onednn_has_bfloat16():
        return "as loaded: oneDNN has no bfloat16 on this CPU"
    for name, capacity in FEW_SHAPES.items():
        os.environ.setdefault(name, capacity)
    packed = 0
    for module in list(network.modules()):
        dense, activation = getattr(module, "dense", None), None
        if _can_pack(dense):
            activation = getattr(module, "intermediate_act_fn", None)
        if isinstance(activation, (GELUActivation, torch.nn.GELU)) and _is_exact(activation):
            setattr(module, "dense", _pack(dense, fuse_gelu=True))  # noqa: B010
            setattr(module, "intermediate_act_fn", torch.nn.Identity())  # noqa: B010
            packed += 1
        for name, child in list(module.named_children()):
            if _can_pack(child):
                setattr(module, name, _pack(child, fuse_gelu=False))
                packed += 1
    return f"{packed} laid out once for oneDNN" if packed else "as loaded: none in bfloat16"


def onednn_has_bfloat16() -> bool:
    """Whether this PyTorch has oneDNN, and oneDNN computes in bfloat16 on this CPU."""
    import torch

    operators = torch.ops.mkldnn
    if not torch.backends.mkldnn.is_available() or not hasattr(operators, "_linear_pointwise"):
        return False
    return bool(operators._is_mkldnn_bf16_supported())


def _can_pack(layer: Any) -> bool:
    import torch

    # not of a subclass, which may do something else
    return type(layer) is torch.nn.Linear and layer.weight.dtype is torch.bfloat16


def _is_exact(gelu: Any) -> bool:
    return getattr(gelu, "approximate", "none") == "none"


def _pack(layer: Any, *, fuse_gelu: bool) -> "torch.nn.Module":
    import torch

    operators = torch.ops.mkldnn
    weight = operators._reorder_linear_weight(layer.weight.data, TYPICAL_ROWS)
    bias = None if layer.bias is None else layer.bias.data
    post, algorithm = ("gelu", "none") if fuse_gelu else ("none", "")

    class PackedLinear(torch.nn.Module):
        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return operators._linear_pointwise(x, weight, bias, post, [], algorithm)

    return PackedLinear()
