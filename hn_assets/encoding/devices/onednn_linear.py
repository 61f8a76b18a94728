"""Make a model's linear layers as fast on a CPU as its bfloat16 units allow.

PyTorch rearranges a weight for the matrix units at every call, and writes and reads the
activations once more for a GELU. oneDNN's own linear operator, to which `torch.compile` turns
layers, takes a weight that was rearranged once and applies the GELU on the way. Called directly it
gives that speed for every shape of batch, with nothing to compile.

The operators are private to PyTorch (`torch.ops.mkldnn`), so nothing but this module calls them,
they are tried on a small layer first, and if they are missing, fail, or compute something else,
the model keeps its own layers.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# oneDNN and its wrapper keep code and scratch memory for the last 1,024 shapes they saw, which
# grows to a gigabyte with texts of all lengths; fewer are no slower. Both are read at first use.
FEW_SHAPES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "32", "LRU_CACHE_CAPACITY": "32"}
TYPICAL_ROWS = 4096  # tokens in a batch: oneDNN picks the arrangement by it
TOLERANCE = 0.05  # of the small layer's outputs, which are about 1; bfloat16 rounds to 0.004


def use_onednn_linear_layers(model: "torch.nn.Module") -> str:
    """Replace the bfloat16 linear layers of `model`, on a CPU, in place.

    Returns:
        What was done, as a phrase for reports: how many layers were replaced, or why none.
    """
    import torch
    from transformers.activations import GELUActivation

    if not onednn_has_bfloat16():
        return "as loaded: oneDNN has no bfloat16 on this CPU"
    for name, capacity in FEW_SHAPES.items():
        os.environ.setdefault(name, capacity)
    if reason := why_not_usable():
        return f"as loaded: {reason}"
    replaced = 0
    for module in list(model.modules()):
        dense, activation = getattr(module, "dense", None), None
        if _can_replace(dense):
            activation = getattr(module, "intermediate_act_fn", None)
        if isinstance(activation, (GELUActivation, torch.nn.GELU)) and _is_exact(activation):
            setattr(module, "dense", _onednn_linear(dense, fuse_gelu=True))  # noqa: B010
            setattr(module, "intermediate_act_fn", torch.nn.Identity())  # noqa: B010
            replaced += 1
        for name, child in list(module.named_children()):
            if _can_replace(child):
                setattr(module, name, _onednn_linear(child, fuse_gelu=False))
                replaced += 1
    return f"{replaced} arranged once for oneDNN" if replaced else "as loaded: none in bfloat16"


def onednn_has_bfloat16() -> bool:
    """Whether this PyTorch has oneDNN, and oneDNN computes in bfloat16 on this CPU."""
    import torch

    if not torch.backends.mkldnn.is_available():
        return False
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def why_not_usable() -> str:
    """Try the private operators on a small layer; "" if they compute what PyTorch's own do.

    Returns:
        Otherwise a phrase that says what is wrong.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    # Not initialised at random, which would move the state of PyTorch's own generator.
    layer = torch.nn.utils.skip_init(torch.nn.Linear, 32, 16, dtype=torch.bfloat16)
    given = torch.randn(5, 32, generator=generator).to(torch.bfloat16)
    with torch.no_grad():
        for parameter in layer.parameters():
            drawn = torch.randn(parameter.shape, generator=generator) / 6
            parameter.copy_(drawn.to(torch.bfloat16))
        own = torch.nn.functional.gelu(layer(given)).float()
        try:
            theirs = _onednn_linear(layer, fuse_gelu=True)(given).float()
        except Exception as error:  # another PyTorch may lack the operators or change them
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            return f"this PyTorch's oneDNN operators cannot be used ({reason})"
    if own.shape != theirs.shape or not torch.allclose(own, theirs, atol=TOLERANCE, rtol=0):
        return "this PyTorch's oneDNN operators compute something else"
    return ""


def _can_replace(layer: Any) -> bool:
    import torch

    # Not of a subclass, which may do something else.
    return type(layer) is torch.nn.Linear and layer.weight.dtype is torch.bfloat16


def _is_exact(gelu: Any) -> bool:
    return getattr(gelu, "approximate", "none") == "none"


def _onednn_linear(layer: Any, *, fuse_gelu: bool) -> "torch.nn.Module":
    import torch

    operators = torch.ops.mkldnn
    linear = operators._linear_pointwise
    weight = operators._reorder_linear_weight(layer.weight.data, TYPICAL_ROWS)
    bias = None if layer.bias is None else layer.bias.data
    post, algorithm = ("gelu", "none") if fuse_gelu else ("none", "")

    class OnednnLinear(torch.nn.Module):
        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return linear(x, weight, bias, post, [], algorithm)

    return OnednnLinear()
