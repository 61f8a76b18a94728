"""From a Parquet file of texts to their vectors: what is loaded, reused and reported."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hn_assets.encoding import lazy_model
from hn_assets.encoding.embed_report import EmbedReport
from hn_assets.encoding.embed_texts import EarlierVectors, embed_texts
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.hardware import Choice, DeviceChoice
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.store import schemas

DOCUMENTS = [
    {"id": "d1", "title": "Heart", "text": "It pumps blood."},
    {"id": "d2", "title": "", "text": "It pumps blood."},
    {"id": "d3", "title": "", "text": "It pumps blood."},
]


class Run:
    """Embeds with a tiny model; each run has a model of its own, as a new process would."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        self.log: list[str] = []

    def embed(
        self,
        documents: list[dict],
        *,
        cache: str = "cache",
        precision: str = "float32",
        earlier: EarlierVectors | None = None,
        **settings,
    ) -> tuple[EmbedReport, VectorTable]:
        source, target = self.folder / "corpus.parquet", self.folder / "vectors.arrow"
        pq.write_table(pa.Table.from_pylist(documents, schemas.CORPUS), source)
        encoding = EncodingSettings(model=str(self.model), pooling="mean", **settings)
        compute = ComputeSettings(device="cpu", precision=precision)  # type: ignore[arg-type]
        with LazyModel(encoding, compute, self.log.append) as model:
            report = embed_texts(
                source,
                "passage",
                target,
                model=model,
                cache_folder=self.folder / cache,
                earlier=earlier,
                what="corpus_embeddings",
                log=self.log.append,
            )
        return report, VectorTable(target)


@pytest.fixture
def run(tmp_path: Path, model: Path) -> Run:
    return Run(tmp_path, model)


def test_documents_are_read_as_title_and_text(run: Run) -> None:
    report, vectors = run.embed(DOCUMENTS)
    taken = vectors.take(np.arange(3))
    assert not np.array_equal(taken[0], taken[1])
    assert np.array_equal(taken[1], taken[2])
    assert (report.texts, report.encoded, report.duplicates) == (3, 2, 1)
    _, without = run.embed(DOCUMENTS, include_title=False)
    assert np.array_equal(*without.take(np.arange(2)))


def test_the_figures_say_how_it_was_encoded(run: Run) -> None:
    report, _ = run.embed(DOCUMENTS)
    figures = report.figures()
    assert figures["shape"] == "3 x 32"
    assert (figures["batching_engine"], figures["precision"]) == ("hn_assets", "float32")
    assert figures["precision_reason"] == "asked for"
    assert figures["tokens"] > 0
    assert figures["tflops"] > 0
    assert 0 <= figures["waited_for_tokens_share"] < 1
    assert 0 <= figures["waited_for_writing_share"] < 1
    assert "card" not in figures
    info = report.manifest_info()
    assert info["space"]["weights"] == figures["weights"]
    assert info["vectors_of"] == report.space_folder
    assert any("encodes on cpu (asked for) in float32 (asked for)" in line for line in run.log)


def test_a_prompt_that_the_model_wants_and_does_not_get_is_warned_of(
    run: Run, tmp_path: Path, model: Path
) -> None:
    wanting = Run(tmp_path, shutil.copytree(model, tmp_path / "e5-small-v2"))
    report, _ = wanting.embed(DOCUMENTS)
    warnings = [line for line in wanting.log if "without a prompt" in line]
    assert len(warnings) == 1 and "encoding.passage_instruction to 'passage: '" in warnings[0]
    said = {row["step"]: row["value"] for row in report.usage}
    assert said["prompt"] == "none, though it seems to want one"
    wanting.embed(DOCUMENTS, passage_instruction="passage: ")
    assert [line for line in wanting.log if "without a prompt" in line] == warnings


def test_the_model_is_loaded_only_if_a_text_has_no_vector(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.embed(DOCUMENTS)

    def refuse(*args, **options):
        raise AssertionError("nothing was to be encoded")

    monkeypatch.setattr(lazy_model, "load_model", refuse)
    report, _ = run.embed(DOCUMENTS[::-1])
    assert (report.encoded, report.reused, report.speed) == (0, 2, None)
    assert "batching_engine" not in report.figures()


def test_vectors_of_an_earlier_run_serve_a_machine_without_its_cache(run: Run) -> None:
    first, _ = run.embed(DOCUMENTS)
    kept = run.folder / "kept.arrow"
    (run.folder / "vectors.arrow").rename(kept)
    earlier = EarlierVectors(kept, first.space_folder)
    report, _ = run.embed(DOCUMENTS[:2], cache="another", earlier=earlier)
    assert (report.encoded, report.reused, report.removed) == (0, 2, 1)
    assert "2 vectors of the last version are reused" in run.log
    another_space = EarlierVectors(kept, "of another space")
    report, _ = run.embed(DOCUMENTS[:2], cache="third", earlier=another_space)
    assert (report.encoded, report.removed) == (2, 1)
    kept.write_text("damaged, and long enough to look at")
    report, _ = run.embed(DOCUMENTS[:2], cache="fourth", earlier=earlier)
    assert (report.encoded, report.removed) == (2, 0)


def test_damaged_files_of_the_cache_are_named(run: Run) -> None:
    report, _ = run.embed(DOCUMENTS)
    (shard,) = (run.folder / "cache" / report.space_folder).glob("*.arrow")
    shard.write_bytes(shard.read_bytes()[:-9])
    report, _ = run.embed(DOCUMENTS)
    assert report.encoded == 2
    assert any(line.startswith("1 files of stored vectors were damaged") for line in run.log)


def test_the_loss_of_a_lower_precision_is_measured(run: Run) -> None:
    report, _ = run.embed(DOCUMENTS, precision="bfloat16")
    assert report.precision_loss is not None
    assert report.figures()["precision_measured_on"] == "the 1 nearest of 2 texts"
    assert any("to measure what bfloat16 loses" in line for line in run.log)


def test_a_card_that_is_not_used_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fell_back = DeviceChoice(["cpu"], "the driver is too old", fell_back=True)
    monkeypatch.setattr(lazy_model, "choose_devices", lambda setting: fell_back)
    report, _ = run.embed(DOCUMENTS)
    assert "corpus_embeddings: the driver is too old" in run.log
    assert report.figures()["device_reason"] == "the driver is too old"


def test_vectors_in_tf32_are_kept_apart_from_those_in_float32(model: Path) -> None:
    spaces = []
    for precision in ("float32", "tf32"):
        with pytest.MonkeyPatch.context() as patch:
            # as on a card of the generation Ampere
            patch.setattr(lazy_model, "choose_precision", lambda asked, *_: Choice(asked, ""))
            compute = ComputeSettings(device="cpu", precision=precision)
            encoding = EncodingSettings(model=str(model), pooling="mean")
            spaces.append(LazyModel(encoding, compute, print).space("passage"))
    assert spaces[0] == {**spaces[1], "precision": "float32"}
    assert spaces[1]["precision"] == "tf32"


def test_vectors_stored_in_float16_are_others_and_say_so(run: Run) -> None:
    rows = np.arange(3)
    plain, table = run.embed(DOCUMENTS)
    whole = table.take(rows)
    report, half = run.embed(DOCUMENTS, stored_precision="float16")
    assert (plain.figures()["dtype"], report.figures()["dtype"]) == ("float32", "float16")
    assert report.encoded == 2, "vectors in float32 do not stand for them"
    assert report.space_folder != plain.space_folder
    np.testing.assert_allclose(half.take(rows), whole, atol=1e-3)
    assert np.array_equal(half.take(rows), half.take(rows).astype(np.float16))
    assert plain.precision_loss is None
    assert report.precision_loss is not None
    assert 0.999 < report.precision_loss.cosine_min <= 1
    again, _ = run.embed(DOCUMENTS, stored_precision="float16")
    assert (again.encoded, again.reused) == (0, 2)

    earlier = EarlierVectors(run.folder / "vectors.arrow", report.space_folder)
    elsewhere, _ = run.embed(
        DOCUMENTS, stored_precision="float16", cache="another", earlier=earlier
    )
    assert (elsewhere.encoded, elsewhere.reused) == (0, 2)
