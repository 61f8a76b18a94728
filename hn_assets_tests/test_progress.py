"""Progress is told at a steady pace, and at the end."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from hn_assets import progress
from hn_assets.encoding.computing_stats import ComputingStats
from hn_assets.progress import Progress


def test_a_line_now_and_then_and_one_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    lines: list[str] = []
    with Progress("corpus", 100, lines.append) as told:
        for texts in range(1, 101):
            now[0] += 1.0
            told(ComputingStats(texts=texts, tokens=texts * 10, seconds=float(texts)))
    assert len(lines) == 10
    assert lines[0] == "corpus: 10 of 100 texts, 10 tokens/s, 90 s left"
    assert lines[-1] == "corpus: 100 of 100 texts, 10 tokens/s, 0 s left"


def test_a_bar_in_a_terminal_and_none_in_a_file() -> None:
    code = (
        "from hn_assets.encoding.computing_stats import ComputingStats as N\n"
        "from hn_assets.progress import Progress\n"
        "with Progress('corpus', 4, lambda line: None) as told: "
        "told(N(texts=2, tokens=9, seconds=1.0))"
    )
    in_a_file = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert in_a_file.stderr == b""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    subprocess.run([sys.executable, "-c", code], stderr=end, check=True)
    os.set_blocking(terminal, False)
    shown = os.read(terminal, 10_000).decode()
    os.close(end)
    assert "corpus" in shown
    assert "/4" in shown
