"""Only what was never encoded is; nothing that was committed is lost."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.vectors.vector_cache import VectorCache, text_key
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.encoding.write_vectors import (
    WriteReport,
    import_vectors,
    sample_texts,
    write_vectors,
)
from hn_assets.errors import ModelError
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only
from hn_assets_tests.small_models import minilm_encoder

TEXTS = [f"text number {i} of a small corpus" for i in range(40)]
SPACE = {"weights": "sha256:1"}


def run(
    folder: Path,
    texts: list[str],
    *,
    space: dict | None = None,
    make: Callable[[], Encoder] = minilm_encoder,
    precision: str = "float32",
) -> tuple[WriteReport, VectorTable, VectorCache]:
    cache = VectorCache(folder / "cache", space or SPACE, precision)
    report = write_vectors(
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
    expected = minilm_encoder().encode(TEXTS, "passage")
    assert_vectors_differ_by_rounding_only(vectors_of(table), expected)
    assert (len(report.ids), report.encoded, report.reused, report.dimension) == (40, 40, 0, 384)
    np.testing.assert_allclose(report.norms, 1, atol=1e-5)


def test_equal_texts_are_encoded_once(tmp_path: Path) -> None:
    seen: list[Encoder] = []
    texts = [TEXTS[0], TEXTS[1], TEXTS[0], TEXTS[2], TEXTS[1], TEXTS[0]]
    report, table, _ = run(tmp_path, texts, make=lambda: seen.append(small_windows()) or seen[-1])
    assert seen[0].stats.texts == report.encoded == 3
    assert report.duplicates == 3
    written = vectors_of(table)
    assert np.array_equal(written[0], written[2]), "to the last bit"
    assert_vectors_differ_by_rounding_only(written, minilm_encoder().encode(texts, "passage"))


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
    expected = minilm_encoder().encode(changed, "passage")
    assert_vectors_differ_by_rounding_only(vectors_of(table), expected)


def rounds_differently() -> Encoder:
    """An encoder whose vectors differ in the last bits, as on another CPU or in other batches."""
    encoder = minilm_encoder()
    real = encoder.encode_windows

    def encode_windows(*args, **options) -> Iterator:
        for names, vectors in real(*args, **options):
            noise = np.random.default_rng(0).uniform(-1e-7, 1e-7, vectors.shape)
            yield names, (vectors + noise).astype(np.float32)

    encoder.encode_windows = encode_windows  # type: ignore[method-assign]
    return encoder


def test_a_stored_vector_stays_the_same_bytes_whatever_encodes_the_others(tmp_path: Path) -> None:
    _, first, _ = run(tmp_path, TEXTS)
    before = vectors_of(first)
    report, table, _ = run(tmp_path, [*TEXTS, "a new text"], make=rounds_differently)
    assert (report.encoded, report.reused) == (1, 40)
    assert np.array_equal(vectors_of(table)[:40], before)
    _, fresh, _ = run(tmp_path / "another", TEXTS, make=rounds_differently)
    assert not np.array_equal(vectors_of(fresh), before)
    assert_vectors_differ_by_rounding_only(vectors_of(fresh), before)


def test_another_space_shares_nothing_and_the_old_one_is_kept(tmp_path: Path) -> None:
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
    expected = minilm_encoder().encode(TEXTS, "passage")
    assert_vectors_differ_by_rounding_only(vectors_of(table), expected)


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
    assert_vectors_differ_by_rounding_only(vectors_of(table), before)


@pytest.mark.parametrize(("value", "precision"), [(np.nan, "float32"), (1e5, "float16")])
def test_a_vector_that_is_not_finite_is_never_kept(
    tmp_path: Path, value: float, precision: str
) -> None:
    """Neither is one that float16 cannot hold."""

    def broken() -> Encoder:
        encoder = minilm_encoder()
        bad = np.full((3, 4), value, np.float32)
        names = [(f"d{i}", text_key(TEXTS[i])) for i in range(3)]
        encoder.encode_windows = lambda *a, **k: iter([(names, bad)])  # type: ignore
        return encoder

    with pytest.raises(ModelError, match="vector of document 'd0' is not finite.*stored_precision"):
        run(tmp_path, TEXTS[:3], make=broken, precision=precision)
    assert not len(VectorCache(tmp_path / "cache", SPACE))


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


def test_a_text_takes_few_bytes(tmp_path: Path) -> None:
    count = 50_000
    cache = VectorCache(tmp_path / "cache", {"weights": "sha256:1"})
    keys = [text_key(f"text {n % 40_000}") for n in range(count)]
    cache.add(keys[:40_000], np.ones((40_000, 4), np.float32))
    del keys
    tracemalloc.start()
    try:
        report = write_vectors(
            lambda: ((f"document-{n}", f"text {n % 40_000}") for n in range(count)),
            "passage",
            tmp_path / "vectors.arrow",
            cache=cache,
            encoder=never,
            what="texts",
            log=lambda line: None,
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(report.ids), report.reused, report.duplicates) == (count, 40_000, 10_000)
    assert peak < 150 * count  # as Python's objects, an id and a key alone take more than 120
