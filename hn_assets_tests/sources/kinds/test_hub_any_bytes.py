"""Whatever files in the hub's layout hold, their rows are read, or one error names the file."""

import gzip
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hn_assets.errors import HardNegativesError
from hn_assets.sources.kinds.hub import HubSettings
from hn_assets_tests.any_bytes import (
    damaged,
    delimited,
    jsonl,
    lines_with_content,
    objects,
    read_or_error,
)
from hn_assets_tests.sources.kinds.test_hub import hub_layout
from hn_assets_tests.sources.test_data_files import zstd

README = """---
configs:
- config_name: corpus
  data_files:
  - split: corpus
    path: corpus.jsonl*
- config_name: queries
  data_files: queries.jsonl
---
# A dataset
"""
reads_one_folder = settings(
    # `datasets` takes some ten milliseconds to say which files there are
    max_examples=max(8, settings().max_examples // 5),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def layout(folder: Path) -> Path:
    """The two folders of a dataset, made once."""
    if not (folder / "toy").exists():
        hub_layout(folder)
        (folder / "toy" / "README.md").write_text(README)
    return folder


@given(
    damaged(jsonl(objects("_id", "title", "text"))),
    st.sampled_from(["", ".gz", ".zst"]),
    st.integers(-9, 0),
)
@reads_one_folder
def test_a_corpus_that_may_be_compressed_and_cut_off(
    tmp_path: Path, content: bytes, end: str, cut: int
) -> None:
    source = HubSettings(type="hub", dataset="toy").open(layout(tmp_path))
    for path in (tmp_path / "toy").glob("corpus.jsonl*"):
        path.unlink()
    path = tmp_path / "toy" / f"corpus.jsonl{end}"
    if not end:
        path.write_bytes(content)
        found = read_or_error(source.documents, path)
    else:
        whole = gzip.compress(content) if end == ".gz" else zstd(content)
        path.write_bytes(whole[: len(whole) + cut])
        found = read_or_error(source.documents, path)
        assert not cut or found is None, "a file that is cut off is never taken for whole"
    if found is not None:
        assert len(found) == len(lines_with_content(content))


@given(damaged(delimited(["query-id", "corpus-id", "score"], "\t")))
@reads_one_folder
def test_qrels(tmp_path: Path, content: bytes) -> None:
    path = layout(tmp_path) / "toy-qrels" / "train.tsv"
    path.write_bytes(content)
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    found = read_or_error(source.qrels, path)
    if found is not None:
        lines = [line for line in lines_with_content(content) if line.strip(b"\t \r")]
        assert len([qrel for qrel in found if qrel.split == "train"]) == len(lines) - 1


@given(damaged(st.just(README.encode())))
@reads_one_folder
def test_a_readme(tmp_path: Path, content: bytes) -> None:
    (layout(tmp_path) / "toy" / "README.md").write_bytes(content)
    source = HubSettings(type="hub", dataset="toy").open(tmp_path)
    try:
        # a configuration that names no files has all of them, and it may come to name the other one
        assert {document.id for document in source.documents()} in ({"007"}, {"007", "1"}, {"1"})
    except HardNegativesError as error:
        assert "toy" in str(error)
        assert "\n" not in str(error)
