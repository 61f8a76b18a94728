"""Token ids are those of the model's own tokenizer, however long a text is, in bounded memory."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.encoding.batches import tokenizing
from hn_assets.encoding.batches.tokenizing import TextTokenizer
from hn_assets_tests.small_models import minilm

LIMIT = 12
WORDS = ["heart", "attack", "unbelievably", " ", "\n\n", "心臓", "é", "x" * 150, "a,b;c", "\u200b"]


def own_tokens(texts: list[str], limit: int = LIMIT) -> list[list[int]]:
    tokenizer: Any = minilm().embedder.tokenizer
    return tokenizer(texts, truncation=True, max_length=limit)["input_ids"]


def tokenize(texts: list[str], limit: int = LIMIT) -> tuple[list[list[int]], int]:
    found = TextTokenizer(minilm().embedder.tokenizer).tokenize(texts, limit)
    return [ids.tolist() for ids in found.ids], found.truncated


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=300).map(" ".join), max_size=5))
def test_tokens_are_those_of_the_tokenizer(texts: list[str]) -> None:
    ids, truncated = tokenize(texts)
    assert ids == (own_tokens(texts) if texts else [])
    tokenizer: Any = minilm().embedder.tokenizer
    assert truncated == sum(len(tokenizer(text)["input_ids"]) > LIMIT for text in texts)


@pytest.mark.parametrize(
    "text",
    [
        " " * 50_000 + "heart attack",  # the cut has to move on until it meets a word
        "x" * 50_000 + " heart",  # one endless word is one unknown token
        "heart " * 20_000,
        "心臓発作と哺乳類" * 5_000,
    ],
)
def test_a_text_far_beyond_the_limit_has_the_same_tokens(text: str) -> None:
    assert tokenize([text, "short"])[0] == own_tokens([text, "short"])


def test_a_tokenizer_that_cuts_the_beginning_off_reads_the_end() -> None:
    tokenizer: Any = minilm().embedder.tokenizer
    text = "first " * 10_000 + "heart attack"
    tokenizer.truncation_side = "left"
    try:
        assert tokenize([text])[0] == own_tokens([text])
    finally:
        tokenizer.truncation_side = "right"


def test_no_more_of_a_text_is_read_than_its_first_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokenizing, "MOST_CHARACTERS", 1000)
    ids, truncated = tokenize([" " * 2000 + "heart"])
    assert ids == own_tokens([""])
    assert truncated == 1, "what is not read is told"


def test_an_enormous_text_costs_little_memory() -> None:
    code = (
        "import resource\n"
        "from transformers import AutoTokenizer\n"
        "from hn_assets.encoding.models.model import bundled_model_folder\n"
        "from hn_assets.encoding.batches.tokenizing import TextTokenizer\n"
        "text = 'heart attack and ' * 2_000_000\n"
        "tokenizer = TextTokenizer(AutoTokenizer.from_pretrained(bundled_model_folder()))\n"
        "tokenizer.tokenize(['warm'], 256)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert len(tokenizer.tokenize([text], 256).ids[0]) == 256\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 50, "MiB for a text of 34 MB"
