"""The teacher: what it refuses, what it says, and that it reads no pair twice."""

import gc
import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hn_assets.encoding.models.model import bundled_model_folder
from hn_assets.encoding.vectors.vector_cache import VectorCache
from hn_assets.errors import HubError, ModelError, WorkerError
from hn_assets.reranking import score_pairs as score_module
from hn_assets.reranking.model import choose_precision, describe_space, identify_reranker
from hn_assets.reranking.reranker import Reranker
from hn_assets.reranking.score_pairs import ScoreReport, score_pairs
from hn_assets.settings.teacher import TeacherSettings
from hn_assets_tests.small_models import make_tiny_bert

PAIRS = [
    ("tell me about the garden", "Long ago a garden stood in the square of the old town."),
    ("tell me about the garden", "Long ago a school stood in the square of the old town."),
    ("tell me about the paper", "Nobody could tell why the paper had been painted red."),
    ("tell me about the paper", "Nobody could tell why the wheel had been painted red."),
]


class Teacher:
    """A reranker with its cache, both made again for each run as a new process would."""

    def __init__(self, model: Path, folder: Path, **settings) -> None:
        self.settings = TeacherSettings(model=str(model), **settings)
        self.folder = folder
        self.loaded = 0

    def load(self) -> Reranker:
        self.loaded += 1
        identity = identify_reranker(self.settings)
        return Reranker(identity, self.settings, devices=["cpu"], precision="float32")

    def score(
        self, pairs: list[tuple[str, str]], load: Callable[[], Reranker] | None = None
    ) -> ScoreReport:
        space = describe_space(identify_reranker(self.settings), self.settings, "float32")
        return score_pairs(
            pairs,
            cache=VectorCache(self.folder, space),
            reranker=load or self.load,
            what="teacher_scores",
            log=lambda line: None,
        )


@pytest.fixture
def teacher(teacher_folder: Path, tmp_path: Path) -> Teacher:
    return Teacher(teacher_folder, tmp_path / "cache")


def test_the_model_stays_on_the_device_that_it_was_put_on(
    teacher: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    # FlagEmbedding's own object, which loads it, moves it to the CPU when it is let go.
    from transformers import PreTrainedModel

    moves: list[tuple] = []
    move = PreTrainedModel.to

    def to(self, *args, **kwargs):
        moves.append(args)
        return move(self, *args, **kwargs)

    monkeypatch.setattr(PreTrainedModel, "to", to)
    reranker = teacher.load()
    gc.collect()
    reranker.score(PAIRS)
    assert moves[-1][0] == "cpu" and len(moves[-1]) == 2, f"moved last by {moves[-1]}"


def test_what_answers_is_scored_above_what_does_not(teacher: Teacher) -> None:
    scores = teacher.score(PAIRS).scores
    assert scores.dtype == np.float32
    assert min(scores[0], scores[2]) > max(scores[1], scores[3]) + 1


def test_a_score_is_that_of_the_model_itself(teacher: Teacher) -> None:
    from sentence_transformers import CrossEncoder
    from torch import nn

    model = CrossEncoder(teacher.settings.model, device="cpu", activation_fn=nn.Identity())
    theirs = model.predict(PAIRS)
    np.testing.assert_allclose(teacher.score(PAIRS).scores, theirs, atol=1e-3)


def test_only_pairs_without_a_score_are_read(teacher: Teacher) -> None:
    first = teacher.score([*PAIRS[:2], PAIRS[0]])
    assert first.speed["tokens"] > 0
    assert first.speed["tflops"] > 0
    assert {"waited_for_tokens_share", "waited_for_writing_share"} < set(first.speed)
    assert (first.scored, first.reused, teacher.loaded) == (2, 0, 1)
    second = teacher.score([PAIRS[1], PAIRS[0]])
    assert (second.scored, second.reused, teacher.loaded) == (0, 2, 1)
    assert second.speed == {}
    assert second.scores.tolist() == [first.scores[1], first.scores[0]]
    third = teacher.score(PAIRS)
    assert (third.scored, third.reused, teacher.loaded) == (2, 2, 2)


def test_another_model_or_length_shares_no_score(
    teacher: Teacher, teacher_folder: Path, tmp_path: Path
) -> None:
    teacher.score(PAIRS)
    assert Teacher(teacher_folder, teacher.folder, max_length=16).score(PAIRS).scored == 4
    other = tmp_path / "other"
    other.mkdir()
    for path in teacher_folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    assert Teacher(other, teacher.folder).score(PAIRS).scored == 0, (
        "the same weights in another folder"
    )
    config = other / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "layer_norm_eps": 1e5}))
    assert Teacher(other, teacher.folder).score(PAIRS).scored == 4


def test_what_was_scored_before_a_crash_is_kept(
    teacher: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_module, "PAIRS_PER_SHARD", 1)
    model = teacher.load()
    left = [3]

    class Dies:
        def score_shards(self, shards: Iterable[list[tuple[str, str]]]) -> Iterator[np.ndarray]:
            for pairs in shards:
                left[0] -= 1
                if left[0] < 0:
                    raise RuntimeError("killed")
                yield model.score(pairs)

    with pytest.raises(RuntimeError, match="killed"):
        teacher.score(PAIRS, lambda: Dies())  # type: ignore[return-value]
    assert teacher.score(PAIRS).scored == 1


def test_no_pairs_need_no_model(teacher: Teacher) -> None:
    assert teacher.score([]).scores.shape == (0,)
    assert teacher.loaded == 0


def test_an_embedding_model_is_no_teacher() -> None:
    settings = TeacherSettings(model=str(bundled_model_folder()))
    with pytest.raises(ModelError, match="holds no reranker but BertModel.*teacher.model takes"):
        identify_reranker(settings)


def test_a_classifier_of_two_classes_is_no_teacher(teacher_folder: Path, tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path / "two")
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a", "1": "b"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="with 2 outputs"):
        identify_reranker(TeacherSettings(model=str(folder)))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = TeacherSettings(model=str(tmp_path / "gone"))
    with pytest.raises(ModelError, match=r"gone is not there; set teacher\.model"):
        identify_reranker(settings)


def test_a_hub_name_is_asked_of_the_hub() -> None:
    with pytest.raises(HubError, match=r"BAAI/bge-reranker-v2-m3 is no local folder"):
        identify_reranker(TeacherSettings(model="BAAI/bge-reranker-v2-m3"))


def test_scores_that_are_not_finite_are_refused(teacher_folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(teacher_folder)
    model.classifier.bias.data.fill_(float("nan"))
    model.save_pretrained(tmp_path / "broken")
    AutoTokenizer.from_pretrained(teacher_folder).save_pretrained(tmp_path / "broken")
    broken = Teacher(tmp_path / "broken", tmp_path / "cache")
    with pytest.raises(ModelError, match="not finite for the query 'tell me about the"):
        broken.score(PAIRS)


def test_a_precision_that_is_asked_for_is_taken() -> None:
    for precision in ("float32", "bfloat16", "float16"):
        assert choose_precision(precision, "cpu").value == precision
    assert choose_precision("auto", "cpu").value == "float32"


def test_scores_in_bfloat16_are_close_to_those_in_float32(teacher: Teacher) -> None:
    identity = identify_reranker(teacher.settings)
    half = Reranker(identity, teacher.settings, devices=["cpu"], precision="bfloat16")
    scores, exact = half.score(PAIRS), teacher.load().score(PAIRS)
    np.testing.assert_allclose(scores, exact, atol=0.5)
    assert (scores != exact).any()


@pytest.mark.parametrize("max_tokens", [1, 60, 4096])
def test_scores_are_those_of_flagembedding_whatever_the_batches(
    random_teacher: Path, max_tokens: int
) -> None:
    from FlagEmbedding import FlagReranker

    pairs = [(f"query {i} " * (i % 9), f"text {i} of many " * (1 + i % 40)) for i in range(60)]
    settings = TeacherSettings(model=str(random_teacher), max_length=64)
    theirs = FlagReranker(str(random_teacher), devices=["cpu"], max_length=64, use_fp16=False)
    ours = Reranker(
        identify_reranker(settings),
        settings,
        devices=["cpu"],
        precision="float32",
        max_tokens_per_batch=max_tokens,
    )
    np.testing.assert_allclose(ours.score(pairs), np.array(theirs.compute_score(pairs)), atol=1e-5)


def test_two_devices_score_as_one_does(random_teacher: Path) -> None:
    pairs = [(f"query {i}", f"passage {i} of text " * (i % 40)) for i in range(300)]
    settings = TeacherSettings(model=str(random_teacher))
    identity = identify_reranker(settings)
    one = Reranker(identity, settings, devices=["cpu"], precision="float32").score(pairs)
    two = Reranker(identity, settings, devices=["cpu", "cpu"], precision="float32")
    try:
        np.testing.assert_allclose(two.score(pairs), one, atol=1e-6)
        multiprocessing.active_children()[0].kill()
        with pytest.raises(WorkerError, match="scores on cpu ended by itself"):
            two.score(pairs)
    finally:
        two.close()
