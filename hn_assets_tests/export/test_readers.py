"""The libraries that the training files are for read them, and train on them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hn_assets.encoding.models.model import bundled_model_folder
from hn_assets_tests.export.export_inputs import Inputs
from hn_assets_tests.small_models import make_tiny_bert

if TYPE_CHECKING:
    import datasets
    from FlagEmbedding.abc.finetune.embedder.AbsDataset import AbsEmbedderTrainDataset


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def read_with_flagembedding(
    paths: list[Path], cache: Path, instruction: str | None = None, *, distil: bool = False
) -> "AbsEmbedderTrainDataset":
    from FlagEmbedding.abc.finetune.embedder.AbsArguments import AbsEmbedderDataArguments
    from FlagEmbedding.abc.finetune.embedder.AbsDataset import AbsEmbedderTrainDataset
    from transformers import AutoTokenizer

    arguments = AbsEmbedderDataArguments(
        train_data=[str(path) for path in paths],  # type: ignore[arg-type]
        cache_path=str(cache),
        train_group_size=3,
        knowledge_distillation=distil,
        query_instruction_for_retrieval=instruction,  # type: ignore[arg-type]
    )
    tokenizer = AutoTokenizer.from_pretrained(bundled_model_folder())
    return AbsEmbedderTrainDataset(arguments, tokenizer)


def read_with_datasets(name: str, folder: Path) -> "datasets.Dataset":
    import datasets

    kind = "json" if name.endswith("jsonl") else "parquet"
    cache = str(folder / "cache")
    loaded = datasets.load_dataset(
        kind, data_files=str(folder / "out" / name), split="train", cache_dir=cache
    )
    assert isinstance(loaded, datasets.Dataset)
    return loaded


def queries_of(dataset: "AbsEmbedderTrainDataset") -> list[str]:
    return [dataset[i][0] for i in range(len(dataset))]


def test_flagembeddings_own_dataset_reads_the_files_of_two_datasets(
    inputs: Inputs, tmp_path: Path
) -> None:
    inputs.export("one", ["flagembedding"])
    inputs.export("two", ["flagembedding"], include_title=False)
    paths = [tmp_path / name / "flagembedding.jsonl" for name in ("one", "two")]
    dataset = read_with_flagembedding(paths, tmp_path / "cache", "Instruction: ")
    assert len(dataset) == 4
    query, passages, scores = dataset[0]
    assert query == "Instruction: query p", "no prompt in the file: the trainer's own counts"
    assert passages[0] in ("line\u2028separator", "Title 0 text 0", "Title 1 text 1")
    assert sorted(passages[1:]) == ["Title 4 text 4", "Title 5 text 5"]
    assert scores is None
    assert dataset[1][1] == ["Title 2 text 2", *["Title 6 text 6"] * 2], (
        "filled up by FlagEmbedding"
    )


def test_flagembedding_distils_from_the_teachers_scores(inputs: Inputs, tmp_path: Path) -> None:
    inputs.add_teacher()
    inputs.export("out", ["flagembedding"])
    path = tmp_path / "out" / "flagembedding.jsonl"
    dataset = read_with_flagembedding([path], tmp_path / "cache", distil=True)
    texts = {"line\u2028separator": 9.0, "Title 0 text 0": 8.0, "Title 1 text 1": 7.0}
    texts |= {"Title 4 text 4": -1.0, "Title 5 text 5": -2.0}
    _, passages, scores = dataset[0]
    assert scores == [texts[passage] for passage in passages]
    assert dataset[1][2] == [4.0, 0.5, 0.5]


def test_distillation_losses_take_the_teachers_scores(inputs: Inputs, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import losses

    inputs.add_teacher()
    inputs.export()
    model = SentenceTransformer(str(bundled_model_folder()), device="cpu")
    for name, loss in {
        "triplet": losses.MarginMSELoss(model),
        "n-tuple": losses.DistillKLDivLoss(model),
        "labeled-pair": losses.CoSENTLoss(model),
    }.items():
        rows = read_with_datasets(f"{name}.parquet", tmp_path)
        *texts, scores = rows.column_names
        assert scores == ("score" if name == "labeled-pair" else "scores")
        features = [model.preprocess(list(rows[column])) for column in texts]
        assert torch.isfinite(loss(features, torch.tensor(rows[scores]))), name


def test_prompts_reach_flagembedding(inputs: Inputs, tmp_path: Path) -> None:
    inputs.queries[1] = ("q", "query q", "train", "Prompt: ")
    inputs.export("one", ["flagembedding"])
    inputs.export("two", ["flagembedding"])
    paths = [tmp_path / name / "flagembedding.jsonl" for name in ("one", "two")]
    dataset = read_with_flagembedding(paths, tmp_path / "cache", "Instruction: ")
    assert queries_of(dataset) == ["query p", "Prompt: query q"] * 2


def test_files_with_and_without_prompts_do_not_go_together(inputs: Inputs, tmp_path: Path) -> None:
    """What FlagEmbedding does then, which no single file can prevent; the format's docs say so."""
    inputs.export("without", ["flagembedding"])
    inputs.queries = [(*query[:3], "Prompt: ") for query in inputs.queries]
    inputs.export("with", ["flagembedding"])
    paths = [tmp_path / name / "flagembedding.jsonl" for name in ("without", "with")]
    prompted = ["Prompt: query p", "Prompt: query q"]
    dataset = read_with_flagembedding(paths, tmp_path / "cache", "Instruction: ")
    assert queries_of(dataset) == ["Nonequery p", "Nonequery q", *prompted]
    dataset = read_with_flagembedding(paths, tmp_path / "cache")
    assert queries_of(dataset) == ["query p", "query q"] * 2, "harmless without an instruction"


def test_datasets_reads_every_file_of_rows(inputs: Inputs, tmp_path: Path) -> None:
    inputs.add_teacher()
    report = inputs.export()
    for name, file in report.files.items():
        if name.endswith(".json"):  # an object, not rows
            continue
        assert read_with_datasets(name, tmp_path).num_rows == file["rows"] > 0


def test_sentence_transformers_losses_take_the_files(inputs: Inputs, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import losses

    inputs.export()
    model = SentenceTransformer(str(bundled_model_folder()), device="cpu")
    for name, loss in {
        "triplet": losses.MultipleNegativesRankingLoss(model),
        "n-tuple": losses.MultipleNegativesRankingLoss(model),
        "labeled-pair": losses.ContrastiveLoss(model),
    }.items():
        rows = read_with_datasets(f"{name}.parquet", tmp_path)
        columns = [c for c in rows.column_names if c != "label"]
        features = [model.preprocess(list(rows[c])) for c in columns]
        labels = torch.tensor(rows["label"]) if "label" in rows.column_names else torch.empty(0)
        assert torch.isfinite(loss(features, labels)), name


def test_a_listwise_loss_takes_the_labeled_lists(inputs: Inputs, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder import losses

    inputs.export("out", ["labeled-list"])
    rows = read_with_datasets("labeled-list.parquet", tmp_path)
    assert rows.column_names == ["anchor", "passages", "labels"]
    folder = make_tiny_bert(tmp_path / "tiny")
    model = CrossEncoder(str(folder), num_labels=1, device="cpu")
    labels = [torch.tensor(row) for row in rows["labels"]]
    loss = losses.ListNetLoss(model)
    assert torch.isfinite(loss([list(rows["anchor"]), list(rows["passages"])], labels))


def test_shapes_are_those_of_mine_hard_negatives(inputs: Inputs, tmp_path: Path) -> None:
    """The same columns, by place and type, as sentence-transformers' own miner writes them."""
    import datasets
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import mine_hard_negatives

    inputs.export()
    model = SentenceTransformer(str(bundled_model_folder()), device="cpu")
    pairs = datasets.Dataset.from_dict(
        {"anchor": ["cats", "dogs"], "positive": ["a cat purrs", "a dog barks"]}
    )
    corpus = ["a cat purrs", "a dog barks", "stones are grey", "rain falls"]
    for name in ("triplet", "n-tuple", "labeled-pair", "labeled-list"):
        theirs = mine_hard_negatives(
            pairs,
            model,
            corpus=corpus,
            num_negatives=2,
            output_format=name,
            verbose=False,
        )
        ours = read_with_datasets(f"{name}.parquet", tmp_path)
        assert list(ours.features.values()) == list(theirs.features.values()), name
