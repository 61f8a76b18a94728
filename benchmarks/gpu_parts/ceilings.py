"""What the card itself can do: copies and matrix products."""

from collections.abc import Iterator

from benchmarks.gpu_parts.base import Row, Setting


def run(setting: Setting) -> Iterator[Row]:
    """A row per ceiling."""
    import torch

    count = (1 << 20) if setting.small else (1 << 28)  # float32: 1 GiB on a card
    source = torch.randn(count, device=setting.device)
    target = torch.empty_like(source)
    seconds = setting.timed(lambda a=target, b=source: a.copy_(b))
    yield _row("copy on the device, read and written", 8 * count / seconds / 1e9, "GB/s")
    if setting.has_card:
        for pinned in (False, True):
            host = torch.empty(count // 4, pin_memory=pinned)
            part = target[: count // 4]
            kind = "pinned" if pinned else "pageable"
            seconds = setting.timed(lambda p=part, h=host: p.copy_(h, non_blocking=True))
            yield _row(f"host to card, {kind}", count / seconds / 1e9, "GB/s")
            seconds = setting.timed(lambda p=part, h=host: h.copy_(p, non_blocking=True))
            yield _row(f"card to host, {kind}", count / seconds / 1e9, "GB/s")
    del source, target
    size = 256 if setting.small else 8192
    for name in ["float32", *setting.half]:
        a = torch.randn(size, size, device=setting.device, dtype=getattr(torch, name))
        b = torch.randn_like(a)
        seconds = setting.timed(lambda a=a, b=b: a @ b)
        yield _row(f"matrix product, {name}", 2 * size**3 / seconds / 1e12, "TFLOP/s")
    if setting.has_card:
        torch.backends.cuda.matmul.allow_tf32 = True
        a = torch.randn(size, size, device=setting.device)
        seconds = setting.timed(lambda: a @ a)
        yield _row("matrix product, TF32", 2 * size**3 / seconds / 1e12, "TFLOP/s")


def _row(what: str, value: float, unit: str) -> Row:
    return {"what": what, "value": f"{value:,.1f}", "unit": unit}
