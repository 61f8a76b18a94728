"""Training reads the token ids that encoding reads: behind the same instructions, cut alike."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hn_assets.encoding import encoder
from hn_assets.encoding.batches.batching import Batch
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.models.model import LoadedModel, identify_model, load_model
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.export.base.examples import Example, Passage
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.training.training_rows import write_training_rows
from hn_assets_tests.small_models import make_tiny_bert
from hn_assets_tests.training.jobs import make_job
from hn_assets_tests.training.test_trainers import with_pooling

QUERIES = [
    "what is a cat",
    "  where does the heron live, and how is a young one fed  ",
    "A\u00a0b\tc",
]
LONG = "words " * 40


def passage(i: int, kind: str) -> Passage:
    text = f" {kind} {i} {LONG if i % 2 else 'ends here '}"
    return Passage(f"{kind}{i}", "", text, text, None, None, None, None)


def examples() -> list[Example]:
    return [
        # encoding reads no prompts, as FlagEmbedding's hn_mine does not
        Example(f"q{i}", text, "a prompt: ", [passage(i, "p")], [passage(i, "n"), passage(i, "m")])
        for i, text in enumerate(QUERIES)
    ]


@pytest.mark.parametrize("trainer", ["sentence_transformers", "flagembedding"])
def test_the_trainer_sees_what_the_encoder_reads(tmp_path: Path, trainer: str) -> None:
    model = with_pooling(tmp_path, make_tiny_bert(tmp_path / "bare"))
    encoding = EncodingSettings(
        model=str(model),
        query_instruction="Represent this: ",
        query_instruction_format="<{}>\\n{}",
        passage_instruction="passage: ",
        query_max_length=12,
        passage_max_length=20,
    )
    job = make_job(tmp_path / "job", model, trainer=trainer, batch_size=3, validation_share=0)
    write_training_rows(
        examples(),
        Path(job.training_rows),
        tmp_path / "validation.parquet",
        settings=job.settings,
        usage=identify_model(encoding).usage,
    )
    job = replace(job, rows=3, query_max_length=12, passage_max_length=20, validation_rows="")
    made = import_module(f"hn_assets.training.trainers.{trainer}").make_trainer(job)
    (batch,) = made.get_train_dataloader()

    loaded = load_model(encoding, devices=["cpu"], precision="float32")
    texts = [p.text for e in examples() for p in (*e.positives, *e.negatives)]
    queries, passages = ids_seen(batch)
    assert queries == ids_read(loaded, QUERIES, "query")
    assert max(map(len, queries)) == 12, "one was cut"
    assert passages == ids_read(loaded, texts, "passage")
    assert max(map(len, passages)) == 20


def ids_seen(batch: Any) -> tuple[list[list[int]], list[list[int]]]:
    """The token ids of the queries and of the passages of a batch, each in order."""
    if "queries" in batch:
        parts = {"query": batch["queries"], "passage": batch["passages"]}
        found = {name: unpadded(part) for name, part in parts.items()}
        return found["query"], found["passage"]
    columns = {
        name.removesuffix("_input_ids"): unpadded(
            {
                "input_ids": batch[name],
                "attention_mask": batch[name.replace("_input_ids", "_attention_mask")],
            }
        )
        for name in batch
        if name.endswith("_input_ids")
    }
    queries = columns.pop("anchor")
    return queries, sorted(ids for column in columns.values() for ids in column)


def unpadded(part: Any) -> list[list[int]]:
    pairs = zip(part["input_ids"], part["attention_mask"], strict=True)
    return sorted(ids[mask.bool()].tolist() for ids, mask in pairs)


def ids_read(model: LoadedModel, texts: list[str], kind: Kind) -> list[list[int]]:
    """The token ids that an encoder computes vectors of."""
    found: list[list[int]] = []

    class Watched(DeviceModel):
        def _forward(self, batch: Batch) -> Any:
            rows = zip(batch.tokens, batch.lengths, strict=True)
            found.extend(ids[:length].tolist() for ids, length in rows)
            return super()._forward(batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "DeviceModel", Watched)
        encoder.Encoder(model, devices=["cpu"]).encode(texts, kind)
    return sorted(found)
