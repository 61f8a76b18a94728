"""Whether to use `torch.compile`: only if it repays, and only while it does."""

REPAYS_FROM = 600.0  # seconds of encoding left; compiling takes 20 to 60


class CompileDecision:
    """Decides window by window whether the next one is computed compiled.

    Args:
        wanted: `always`: from the start; `never`; `auto`: on a GPU, once the time left at the
            speed so far is ten minutes or more, and then only if it turns out to be faster.
        device: The torch device.

    Attributes:
        outcome: What came of it, as a phrase for reports.
    """

    def __init__(self, wanted: str, device: str) -> None:
        self._wanted = wanted
        self._may_try = wanted == "auto" and device.startswith("cuda")
        self._plain_speed = 0.0
        self._compiled_windows = 0
        self.outcome = {
            "always": "used, as asked for",
            "never": "switched off",
            "auto": "not used: too little was to be encoded to repay it"
            if self._may_try
            else "not used: no gain is known on this device",
        }[wanted]

    def next_window(self, tokens_left: float) -> bool:
        """Whether to compute the next window compiled, with so many tokens still to read."""
        if self._wanted == "always" or self._compiled_windows:
            return True
        if not self._may_try or not self._plain_speed:
            return False
        return tokens_left / self._plain_speed >= REPAYS_FROM

    def record(self, compiled: bool, tokens: int, seconds: float) -> None:
        """Take into account how fast a window was."""
        speed = tokens / max(seconds, 1e-9)
        if not compiled:
            self._plain_speed = speed
        elif self._wanted == "auto":
            self._compiled_windows += 1
            self.outcome = "used, as so much was left to encode"
            # The first window holds the compiling itself.
            if self._compiled_windows == 2 and speed < self._plain_speed:
                self._may_try, self._compiled_windows = False, 0
                self.outcome = "tried, and given up: it was not faster"
