"""Training files: what is in them, and that the libraries they are for read them."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from hn_assets import tables
from hn_assets.encoding.loading import embedded_model_folder
from hn_assets.errors import StoreError
from hn_assets.export.export import ExportReport, export_training_set
from hn_assets.export.settings import ExportSettings

ALL = ["flagembedding", "triplet", "n-tuple", "labeled-pair", "labeled-list"]


class Inputs:
    """Two mined queries (p, q), one unmined (r), one whose positive is blank (s)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus = [(f"d{i}", f"Title {i}", f"text {i}") for i in range(8)]
        self.corpus += [("blank", "", "  "), ("odd", "", "line\u2028separator")]
        self.queries = [(q, f"query {q}", "train", None) for q in "pqrs"]
        self.qrels = [
            ("p", "d1", 1, "train"),
            ("p", "d0", 1, "train"),
            ("p", "odd", 3, "train"),
            ("p", "d7", 0, "train"),
            ("q", "d2", 1, "train"),
            ("q", "blank", 1, "train"),
            ("r", "d3", 1, "train"),
            ("s", "blank", 1, "train"),
        ]
        positives = {"p": (["d0", "d1", "odd"], [0.5, 0.75, 1.0]), "q": (["d2"], [0.25])}
        positives["s"] = (["blank"], [0.0])
        self.negatives = [
            ("p", "d5", 12, 0.5, *positives["p"]),
            ("p", "d4", 10, 0.625, *positives["p"]),
            ("q", "d6", 11, 0.375, *positives["q"]),
            ("s", "d6", 11, 0.375, *positives["s"]),
        ]

    def write(self) -> dict[str, Path]:
        paths = {}
        for name, schema, rows in (
            ("corpus", tables.CORPUS, self.corpus),
            ("queries", tables.QUERIES, self.queries),
            ("qrels", tables.QRELS, self.qrels),
            ("hard_negatives", tables.HARD_NEGATIVES, self.negatives),
        ):
            paths[name] = self.folder / f"in-{name}.parquet"
            names = schema.names
            data = [dict(zip(names, row, strict=True)) for row in rows]
            pq.write_table(pa.Table.from_pylist(data, schema=schema), paths[name])
        return paths

    def export(self, out: str = "out", formats: list[str] = ALL, **options) -> ExportReport:
        (self.folder / out).mkdir(exist_ok=True)
        return export_training_set(
            self.folder / out,
            **self.write(),
            **{
                "split": "train",
                "negatives": 2,
                "with_title": True,
                "settings": ExportSettings.model_validate({"formats": formats}),
                **options,
            },
        )


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path)


def read_jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def test_flagembedding_lines(inputs: Inputs) -> None:
    report = inputs.export()
    assert read_jsonl(inputs.folder / "out" / "flagembedding.jsonl") == [
        {
            "query": "query p",
            "pos": ["line\u2028separator", "Title 0 text 0", "Title 1 text 1"],
            "neg": ["Title 4 text 4", "Title 5 text 5"],
        },
        {"query": "query q", "pos": ["Title 2 text 2"], "neg": ["Title 6 text 6"]},
    ]
    assert (report.queries_exported, report.positives, report.negatives) == (2, 4, 3)
    assert report.queries_without_negatives == 1, "r"
    assert report.queries_without_positives == 1, "s"
    assert report.blank_positives == 2
    assert "query p" in report.example


def test_a_negative_judged_not_relevant_is_no_positive(inputs: Inputs) -> None:
    inputs.export(with_title=False)
    texts = [
        p for row in read_jsonl(inputs.folder / "out" / "flagembedding.jsonl") for p in row["pos"]
    ]
    assert texts == ["line\u2028separator", "text 0", "text 1", "text 2"]


def test_sentence_transformers_shapes(inputs: Inputs) -> None:
    report = inputs.export()
    out = inputs.folder / "out"
    triplet = pd.read_parquet(out / "triplet.parquet")
    assert list(triplet) == ["anchor", "positive", "negative"]
    assert len(triplet) == 3 * 2 + 1
    n_tuple = pd.read_parquet(out / "n-tuple.parquet")
    assert list(n_tuple) == ["anchor", "positive", "negative_1", "negative_2"]
    assert set(n_tuple.anchor) == {"query p"}, "q has one negative of two"
    assert report.queries_short_of_n_tuples == 1
    pairs = pd.read_parquet(out / "labeled-pair.parquet")
    assert list(pairs) == ["anchor", "passage", "label"]
    assert pairs.groupby("anchor").label.agg(list).to_dict() == {
        "query p": [1, 1, 1, 0, 0],
        "query q": [1, 0],
    }
    lists = pd.read_parquet(out / "labeled-list.parquet")
    assert [list(labels) for labels in lists.labels] == [[1, 1, 1, 0, 0], [1, 0]]
    assert [len(passages) for passages in lists.passages] == [5, 2]


def test_ids_and_scores_stand_in_a_table_of_their_own(inputs: Inputs) -> None:
    inputs.export()
    ids = pd.read_parquet(inputs.folder / "out" / "ids.parquet")
    assert ids[ids.query_id == "p"][["doc_id", "label", "score"]].values.tolist() == [
        ["odd", 1, 1.0],
        ["d0", 1, 0.5],
        ["d1", 1, 0.75],
        ["d4", 0, 0.625],
        ["d5", 0, 0.5],
    ]
    assert ids[ids.label == 0]["rank"].tolist() == [10, 12, 11]
    assert ids[ids.label == 1].grade.tolist() == [3, 1, 1, 1]


def test_the_order_of_the_inputs_changes_no_byte(inputs: Inputs) -> None:
    inputs.export("first")
    for rows in (inputs.corpus, inputs.queries, inputs.qrels, inputs.negatives):
        rows.reverse()
    inputs.export("second")
    for path in (inputs.folder / "first").iterdir():
        assert path.read_bytes() == (inputs.folder / "second" / path.name).read_bytes(), path.name


def test_documents_that_left_the_corpus_are_an_error(inputs: Inputs) -> None:
    inputs.corpus = [row for row in inputs.corpus if row[0] != "d5"]
    with pytest.raises(StoreError, match="document 'd5'.*materialize everything from corpus on"):
        inputs.export()


def test_queries_that_are_gone_are_an_error(inputs: Inputs) -> None:
    inputs.queries = [row for row in inputs.queries if row[0] != "q"]
    with pytest.raises(StoreError, match="the query 'q', which queries no longer has"):
        inputs.export()


@pytest.mark.parametrize("formats", [[], ["triplet", "triplet"], ["csv"]])
def test_formats_that_make_no_sense_are_refused(formats: list[str]) -> None:
    with pytest.raises(ValidationError, match="formats"):
        ExportSettings.model_validate({"formats": formats})


def read_with_flagembedding(paths: list[Path], cache: Path, instruction: str | None = None):
    from FlagEmbedding.abc.finetune.embedder.AbsArguments import AbsEmbedderDataArguments
    from FlagEmbedding.abc.finetune.embedder.AbsDataset import AbsEmbedderTrainDataset
    from transformers import AutoTokenizer

    arguments = AbsEmbedderDataArguments(
        train_data=[str(path) for path in paths],  # type: ignore[arg-type]
        cache_path=str(cache),
        train_group_size=3,
        query_instruction_for_retrieval=instruction,  # type: ignore[arg-type]
    )
    tokenizer = AutoTokenizer.from_pretrained(embedded_model_folder())
    return AbsEmbedderTrainDataset(arguments, tokenizer)


def test_flagembeddings_own_dataset_reads_the_file(inputs: Inputs, tmp_path: Path) -> None:
    inputs.export("one", ["flagembedding"])
    inputs.export("two", ["flagembedding"], with_title=False)
    paths = [tmp_path / name / "flagembedding.jsonl" for name in ("one", "two")]
    dataset = read_with_flagembedding(paths, tmp_path / "cache")
    assert len(dataset) == 4
    query, passages, scores = dataset[0]
    assert query == "query p"
    assert passages[0] in ("line\u2028separator", "Title 0 text 0", "Title 1 text 1")
    assert sorted(passages[1:]) == ["Title 4 text 4", "Title 5 text 5"]
    assert scores is None


def test_prompts_reach_flagembedding(inputs: Inputs, tmp_path: Path) -> None:
    inputs.queries[0] = ("p", "query p", "train", "Prompt: ")
    inputs.export("out", ["flagembedding"])
    dataset = read_with_flagembedding(
        [tmp_path / "out" / "flagembedding.jsonl"], tmp_path / "cache", "Instruction: "
    )
    assert [dataset[i][0] for i in range(2)] == ["Prompt: query p", "query q"]


def test_datasets_reads_every_file(inputs: Inputs, tmp_path: Path) -> None:
    import datasets

    report = inputs.export()
    for name, file in report.files.items():
        kind = "json" if name.endswith("jsonl") else "parquet"
        loaded = datasets.load_dataset(
            kind,
            data_files=str(tmp_path / "out" / name),
            split="train",
            cache_dir=str(tmp_path / "cache"),
        )
        assert loaded.num_rows == file["rows"] > 0


def test_sentence_transformers_losses_take_the_files(inputs: Inputs, tmp_path: Path) -> None:
    import datasets
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import losses as st_losses

    inputs.export()
    model = SentenceTransformer(str(embedded_model_folder()), device="cpu")
    for name, loss in {
        "triplet": st_losses.MultipleNegativesRankingLoss(model),
        "n-tuple": st_losses.MultipleNegativesRankingLoss(model),
        "labeled-pair": st_losses.OnlineContrastiveLoss(model),
    }.items():
        rows = datasets.Dataset.from_parquet(
            str(tmp_path / "out" / f"{name}.parquet"), cache_dir=str(tmp_path / "cache")
        )
        assert isinstance(rows, datasets.Dataset)
        columns = [c for c in rows.column_names if c != "label"]
        features = [model.preprocess(list(rows[c])) for c in columns]
        import torch

        labels = torch.tensor(rows["label"]) if "label" in rows.column_names else torch.empty(0)
        assert torch.isfinite(loss(features, labels)), name
