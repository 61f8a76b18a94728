"""As many rounds as the environment asks for, each drawn from a seed by which it can be repeated.

`make soak ROUNDS=100 SEED=7` and `make soak SECONDS=600` set the environment variables
`SOAK_ROUNDS`, `SOAK_SEED` and `SOAK_SECONDS`.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hn_assets_tests.soak.refreshing import remove_tree


def run_rounds(play: Callable[[random.Random, Path], None], folder: Path, rounds: int) -> None:
    """Play rounds until their number or the time is up.

    Args:
        play: Plays one round with the random numbers and the empty folder that it is given.
        folder: Where the folders of the rounds are made; that of a round that failed is kept.
        rounds: How many rounds there are unless the environment says it.

    Raises:
        AssertionError: A round failed; the message says how to repeat it.
    """
    seed = int(os.environ.get("SOAK_SEED") or time.time_ns() % 1_000_000)
    seconds = float(os.environ.get("SOAK_SECONDS") or 0)
    number_of_rounds = int(os.environ.get("SOAK_ROUNDS") or (sys.maxsize if seconds else rounds))
    first = int(os.environ.get("SOAK_FIRST") or 0)
    end = time.monotonic() + (seconds or float("inf"))
    number = first
    while number < first + number_of_rounds and time.monotonic() < end:
        place = folder / f"round-{number}"
        place.mkdir()
        try:
            play(random.Random(f"{seed}-{number}"), place)
        except Exception as error:
            raise AssertionError(
                f"round {number} failed, to be repeated by SOAK_SEED={seed} SOAK_FIRST={number} "
                f"SOAK_ROUNDS=1: {error}"
            ) from error
        remove_tree(place)
        number += 1
    print(f"\n{number - first} rounds of {play.__name__} with SOAK_SEED={seed}")
