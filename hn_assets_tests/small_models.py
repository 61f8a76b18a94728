"""Small models that tests make themselves, and the bundled one."""

from functools import lru_cache
from pathlib import Path

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import LoadedModel, bundled_model_folder, load_model
from hn_assets.settings.encoding import EncodingSettings

STEPS, BATCH = 120, 16
_WORDS = """
    ant bread cloud door eagle flute grass horse iron jewel key lemon moon nest ocean pearl queen
    rain stone table uncle voice water wheel year garden paper school shoe wall
"""
LEARNED = _WORDS.split()
SENTENCES = [
    "The {} is old.",
    "Who painted that {}?",
    "Two books on the {}.",
    "A {} was seen here.",
]


@lru_cache
def minilm(precision: str = "float32") -> LoadedModel:
    """all-MiniLM-L6-v2, loaded once per test run."""
    return load_model(EncodingSettings(), devices=["cpu"], precision=precision)


def minilm_encoder(**options) -> Encoder:
    """An encoder of its own (so with counters of its own) over the shared model."""
    return Encoder(minilm(), devices=["cpu"], **options)


def make_cross_encoder(folder: Path) -> Path:
    """A cross-encoder that learns in a few steps whether a passage names what a query asks for.

    MiniLM's own layers, read as a classifier of pairs with one output, trained on pairs of words.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(0)
    source = bundled_model_folder()
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=1)
    optimizer = torch.optim.AdamW(model.parameters())
    loss = torch.nn.BCEWithLogitsLoss()
    model.train()
    generator = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 2e-4 * min(1, (step + 1) / 20) * (1 - step / STEPS)
        asked = torch.randint(len(LEARNED), (BATCH,), generator=generator).tolist()
        # half of the passages answer
        told = [a if i % 2 else (a + 1 + i) % len(LEARNED) for i, a in enumerate(asked)]
        batch = tokenizer(
            [f"tell me about the {LEARNED[a]}" for a in asked],
            # the sentence must not tell which half it is
            [SENTENCES[i // 2 % len(SENTENCES)].format(LEARNED[t]) for i, t in enumerate(told)],
            padding=True,
            return_tensors="pt",
        )
        labels = torch.tensor([float(a == t) for a, t in zip(asked, told, strict=True)])
        optimizer.zero_grad()
        loss(model(**batch).logits[:, 0], labels).backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tiny_bert(folder: Path, *, dimension: int = 32, seed: int = 0) -> Path:
    """A two-layer BERT with random weights and MiniLM's tokenizer, saved to `folder`."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=dimension,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * dimension,
    )
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundled_model_folder()).save_pretrained(folder)
    return folder
