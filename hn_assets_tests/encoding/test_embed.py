"""Only what was never encoded is; nothing that was committed is lost; damage is found out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hn_assets.encoding.embed import EmbedReport, embed, import_vectors, sample_texts
from hn_assets.encoding.encoder import Encoder, Kind
from hn_assets.encoding.model import identify_model
from hn_assets.encoding.precision_loss import compare, measure_precision_loss
from hn_assets.encoding.vectors.vector_cache import VectorCache, describe_space, text_key
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import ModelError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.small_models import make_tiny_bert, minilm, minilm_encoder

TEXTS = [f"text number {i} of a small corpus" for i in range(40)]
SPACE = {"weights": "sha256:1"}


def run(
    folder: Path,
    texts: list[str],
    *,
    space: dict | None = None,
    make: Callable[[], Encoder] = minilm_encoder,
) -> tuple[EmbedReport, VectorTable, VectorCache]:
    cache = VectorCache(folder / "cache", space or SPACE)
    report = embed(
        lambda: [(f"d{i}", text) for i, text in enumerate(texts)],
        "passage",
        folder / "vectors.arrow",
        cache=cache,
        encoder=make,
        what="corpus",
        log=lambda line: None,
    )
    return report, VectorTable(folder / "vectors.arrow"), cache


def vectors_of(table: VectorTable) -> np.ndarray:
    return np.concatenate(list(table.blocks()))


def never() -> Encoder:
    raise AssertionError("nothing was to be encoded")


def small_windows() -> Encoder:
    encoder = minilm_encoder()
    encoder.window = 8
    return encoder


def test_the_vectors_are_the_encoders_in_order(tmp_path: Path) -> None:
    report, table, _ = run(tmp_path, TEXTS)
    assert table.ids == [f"d{i}" for i in range(40)]
    assert np.array_equal(vectors_of(table), minilm_encoder().encode(TEXTS, "passage"))
    assert (report.texts, report.encoded, report.reused, report.dimension) == (40, 40, 0, 384)
    np.testing.assert_allclose(report.norms, 1, atol=1e-5)


def test_equal_texts_are_encoded_once(tmp_path: Path) -> None:
    seen: list[Encoder] = []
    texts = [TEXTS[0], TEXTS[1], TEXTS[0], TEXTS[2], TEXTS[1], TEXTS[0]]
    report, table, _ = run(tmp_path, texts, make=lambda: seen.append(small_windows()) or seen[-1])
    assert seen[0].stats.texts == report.encoded == 3
    assert report.duplicates == 3
    found = vectors_of(table)
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found, minilm_encoder().encode(texts, "passage"))


def test_a_second_run_encodes_nothing_and_loads_no_model(tmp_path: Path) -> None:
    _, first, _ = run(tmp_path, TEXTS)
    before = vectors_of(first)
    report, second, _ = run(tmp_path, TEXTS[::-1], make=never)
    assert (report.encoded, report.reused) == (0, 40)
    assert np.array_equal(vectors_of(second), before[::-1])


def test_only_new_and_changed_texts_are_encoded(tmp_path: Path) -> None:
    run(tmp_path, TEXTS)
    changed = [*TEXTS[:30], "a changed text", "a new one"]
    report, table, _ = run(tmp_path, changed)
    assert (report.encoded, report.reused) == (2, 30)
    assert np.array_equal(vectors_of(table), minilm_encoder().encode(changed, "passage"))


def test_another_space_shares_nothing_and_the_old_one_is_found_again(tmp_path: Path) -> None:
    run(tmp_path, TEXTS)
    report, _, _ = run(tmp_path, TEXTS, space={"weights": "sha256:2"})
    assert report.encoded == 40
    report, _, _ = run(tmp_path, TEXTS, make=never)
    assert report.reused == 40


def test_a_run_that_is_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    def fails_later() -> Encoder:
        encoder = small_windows()
        real = encoder.encode_windows

        def cut(*args, **options) -> Iterator:
            for number, block in enumerate(real(*args, **options)):
                if number == 3:
                    raise RuntimeError("the machine is gone")
                yield block

        encoder.encode_windows = cut  # type: ignore[method-assign]
        return encoder

    with pytest.raises(RuntimeError, match="gone"):
        run(tmp_path, TEXTS, make=fails_later)
    report, table, _ = run(tmp_path, TEXTS, make=small_windows)
    assert (report.reused, report.encoded) == (24, 16)
    assert np.array_equal(vectors_of(table), minilm_encoder().encode(TEXTS, "passage"))


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_shard_is_named_and_only_its_texts_are_encoded_again(
    tmp_path: Path, damage: str
) -> None:
    _, first, cache = run(tmp_path, TEXTS, make=small_windows)
    before = vectors_of(first)
    shards = sorted(cache.folder.glob("*.arrow"))
    assert len(shards) == 5
    content = bytearray(shards[2].read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        shards[2].write_bytes(content)
    elif damage == "truncate":
        shards[2].write_bytes(content[:-20])
    else:
        shards[2].unlink()
    report, table, cache = run(tmp_path, TEXTS, make=small_windows)
    assert cache.damaged == ([] if damage == "delete" else [shards[2]])
    assert (report.reused, report.encoded) == (32, 8)
    assert np.array_equal(vectors_of(table), before)


def test_what_a_killed_run_had_begun_is_removed(tmp_path: Path) -> None:
    _, _, cache = run(tmp_path, TEXTS[:3])
    stray = cache.folder / ".writing-999999999-abc"
    stray.write_text("half")
    VectorCache(tmp_path / "cache", SPACE)
    assert not stray.exists()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), min_size=1), min_size=1, max_size=5))
def test_the_cache_gives_back_what_was_put_in(tmp_path_factory, shards: list) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache, stored = VectorCache(folder, SPACE), {}
    for numbers in shards:
        new = sorted({number for number in numbers if number not in stored})
        if new:
            vectors = np.array([[number, number + 0.5] for number in new], np.float32)
            cache.add([text_key(str(number)) for number in new], vectors)
            stored.update(zip(new, vectors, strict=True))
    for again in (cache, VectorCache(folder, SPACE)):
        rows = again.find([text_key(str(number)) for number in range(31)])
        assert [number for number in range(31) if rows[number] >= 0] == sorted(stored)
        assert np.array_equal(again.take(rows[rows >= 0]), [stored[n] for n in sorted(stored)])


def test_a_vector_that_is_not_finite_is_never_kept(tmp_path: Path) -> None:
    def broken() -> Encoder:
        encoder = minilm_encoder()
        bad = np.full((3, 4), np.nan, np.float32)
        names = [(f"d{i}", text_key(TEXTS[i])) for i in range(3)]
        encoder.encode_windows = lambda *a, **k: iter([(names, bad)])  # type: ignore
        return encoder

    with pytest.raises(ModelError, match="vector of document 'd0' is not finite"):
        run(tmp_path, TEXTS[:3], make=broken)
    assert not len(VectorCache(tmp_path / "cache", SPACE))


def test_a_space_is_everything_a_vector_depends_on(tmp_path: Path) -> None:
    def space(kind: Kind = "passage", precision: str = "float32", **options) -> dict:
        chosen = EncodingSettings(**options)
        return describe_space(identify_model(chosen), chosen, precision, kind)

    tiny = str(make_tiny_bert(tmp_path))
    plain = space()
    others = [
        space(precision="bfloat16"),
        space(normalize=False),
        space(pooling="cls"),
        space(passage_max_length=7),
        space(model=tiny, pooling="mean"),
        space("query", query_instruction="find: "),
        space("query", query_instruction="find: ", query_instruction_format="{}-{}"),
    ]
    assert len({str(other) for other in [plain, *others]}) == len(others) + 1
    # an instruction is for queries, and the length of queries no matter of passages
    assert space(query_instruction="find: ") == plain == space(query_max_length=7)
    assert space("query") == plain, "read alike, so they may share vectors"
    make_tiny_bert(tmp_path, seed=1)
    assert space(model=tiny, pooling="mean") != others[4], "another checkpoint of the same name"


def test_the_loss_of_a_precision_is_measured_once(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, SPACE)
    half = Encoder(minilm("bfloat16"), devices=["cpu"]).encode(TEXTS, "passage")
    cache.add([text_key(text) for text in TEXTS], half)
    loss = measure_precision_loss(cache, lambda: TEXTS, "passage", minilm_encoder)
    assert loss == compare(half, minilm_encoder().encode(TEXTS, "passage"))
    assert loss is not None
    assert 0.99 < loss.cosine_min <= loss.cosine_mean < 1
    assert (loss.texts, loss.neighbours) == (40, 20)
    assert 0.8 < loss.overlap <= 1
    assert (
        measure_precision_loss(VectorCache(tmp_path, SPACE), lambda: [], "passage", never) == loss
    )


def test_vectors_that_say_nothing_lose_nearly_everything() -> None:
    random = np.random.default_rng(0)
    exact, noise = random.normal(size=(2, 300, 64)).astype(np.float32)
    loss = compare(noise, exact)
    assert abs(loss.cosine_mean) < 0.05
    assert 0.25 < loss.overlap < 0.42, "a third, by chance"
    assert compare(exact, exact).overlap == 1


def test_the_sample_does_not_depend_on_the_order() -> None:
    pairs = [(str(i), text) for i, text in enumerate([*TEXTS, *TEXTS[:5]])]
    sample = sample_texts(lambda: pairs, 10)
    assert sample == sample_texts(lambda: pairs[::-1], 10)
    assert 8 <= len(set(sample)) == len(sample) <= 10
    assert sorted(sample_texts(lambda: pairs[:3], 10)) == sorted(TEXTS[:3])


def test_a_machine_without_the_cache_starts_from_the_finished_vectors(tmp_path: Path) -> None:
    _, table, _ = run(tmp_path, [*TEXTS, TEXTS[0]])
    cache = VectorCache(tmp_path / "other", SPACE)
    assert import_vectors(cache, table) == 40
    assert import_vectors(cache, table) == 0
    rows = cache.find([text_key(text) for text in TEXTS])
    assert np.array_equal(cache.take(rows), vectors_of(table)[:40])
