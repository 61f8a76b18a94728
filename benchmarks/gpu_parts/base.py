"""What the parts share: where they compute, on which texts, with which models."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hn_assets.encoding.models.model import LoadedModel, bundled_model_folder, load_model
from hn_assets.settings.encoding import EncodingSettings

MAX_LENGTH = 256
# hidden size, layers, heads
SHAPES = {"minilm": (384, 6, 12), "bert-base": (768, 12, 12), "bert-large": (1024, 24, 16)}
TINY = (64, 2, 2)

Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """Where and on what a part measures.

    Attributes:
        device: The torch device.
        texts_file: A JSON list of texts.
        model_folder: all-MiniLM-L6-v2, or the same rounded to float16.
        scratch: A folder for models that the parts make.
        small: Whether a CPU is to be done in a few seconds.
    """

    device: str
    texts_file: str
    model_folder: str
    scratch: str
    small: bool

    @cached_property
    def texts(self) -> list[str]:
        """All texts of the pack."""
        return json.loads(Path(self.texts_file).read_text(encoding="utf-8"))

    @property
    def has_card(self) -> bool:
        """Whether the device is a CUDA card."""
        return self.device.startswith("cuda")

    @property
    def half(self) -> list[str]:
        """The precisions below float32 that are measured."""
        return ["bfloat16", "float16"] if self.has_card else ["bfloat16"]

    def load(self, model: str, precision: str, **settings: Any) -> LoadedModel:
        """A model by its folder, loaded as hn_assets loads it, 256 tokens at most."""
        chosen = EncodingSettings(
            model=model, pooling="mean", passage_max_length=MAX_LENGTH, **settings
        )
        return load_model(chosen, devices=[self.device], precision=precision)

    def random_model(self, shape: str, *, labels: int = 0) -> str:
        """The folder of a BERT with random weights and MiniLM's tokenizer, made when first asked.

        Args:
            shape: A key of `SHAPES`; its sizes are `TINY` ones in a small run.
            labels: 0 for an encoder, 1 for a reranker.
        """
        import torch
        from transformers import (
            AutoTokenizer,
            BertConfig,
            BertForSequenceClassification,
            BertModel,
        )

        folder = Path(self.scratch) / f"{shape}-{labels}"
        if not (folder / "config.json").exists():
            hidden, layers, heads = TINY if self.small else SHAPES[shape]
            torch.manual_seed(0)
            config: Any = BertConfig(
                hidden_size=hidden,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                intermediate_size=4 * hidden,
                **({"num_labels": labels} if labels else {}),
            )
            made = BertForSequenceClassification(config) if labels else BertModel(config)
            AutoTokenizer.from_pretrained(bundled_folder(self)).save_pretrained(folder)
            made.save_pretrained(folder)
        return str(folder)

    def synchronize(self) -> None:
        """Wait until the card has done all it was asked."""
        import torch

        if self.has_card:
            torch.cuda.synchronize()

    def timed(self, work: Callable[[], Any], repeats: int = 5, warm: int = 2) -> float:
        """The median of the seconds that `work` takes, once warm, the card's part included."""
        for _ in range(warm):
            work()
        seconds = []
        for _ in range(repeats):
            self.synchronize()
            start = time.perf_counter()
            work()
            self.synchronize()
            seconds.append(time.perf_counter() - start)
        return sorted(seconds)[len(seconds) // 2]


def bundled_folder(setting: Setting) -> str:
    """The folder of MiniLM that the parts use."""
    return setting.model_folder or str(bundled_model_folder())
