"""What a precision means to PyTorch: the type of the weights, and how float32 is multiplied."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def weights_dtype(precision: str) -> "torch.dtype":
    """The type that a model's weights have: TF32 is a way to multiply float32.

    >>> weights_dtype("tf32"), weights_dtype("bfloat16")
    (torch.float32, torch.bfloat16)
    """
    import torch

    return getattr(torch, "float32" if precision == "tf32" else precision)


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Multiply float32 matrices in TF32 if `precision` is tf32, and exactly if it is not.

    PyTorch has one switch for the whole process, which whoever runs the process may have set.
    """
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
