"""A key that a dataset's YAML file has twice is an error, because one value would be lost."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hn_assets.errors import SettingsError
from hn_assets.orchestration.yaml_keys import check_keys
from hn_assets_tests.any_bytes import damaged
from hn_assets_tests.definitions_folder import build_definitions_of

YAML = """type: hn_assets.HardNegatives
attributes:
  source: {type: python_stdlib}
  mining:
    num_negatives: 3
  filters: &filters {max_score: 0.9}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "defs.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        YAML,
        f"{YAML}---\n{YAML}",
        f"{YAML}  job: {{tags: {{<<: *filters, <<: *filters, max_score: 0.8}}}}\n",
        "a: {1: x, '1': y}\n",
        "a: &itself {b: *itself}\n",
        "no: [YAML\n",
        "",
    ],
)
def test_other_files_are_fine(tmp_path: Path, text: str) -> None:
    check_keys(written(tmp_path, text))


@pytest.mark.parametrize(
    ("added", "line", "key"),
    [
        ("  mining: {range_max: 50}\n", 7, "mining"),
        ("  search: {depth: 500, depth: 600}\n", 7, "depth"),
        ("---\na: 1\nb: 2\na: 3\n", 10, "a"),
        ("  job:\n    tags: {x: [{y: 1, y: 2}]}\n", 8, "y"),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_line(
    tmp_path: Path, added: str, line: int, key: str
) -> None:
    path = written(tmp_path, YAML + added)
    with pytest.raises(SettingsError, match=rf"defs\.yaml:{line}: the key '{key}' stands twice"):
        check_keys(path)


def test_a_dataset_with_a_section_twice_is_not_loaded(tmp_path: Path) -> None:
    assert build_definitions_of(tmp_path, YAML).jobs
    with pytest.raises(Exception, match=r"defs\.yaml") as caught:  # Dagster wraps it in its own
        build_definitions_of(tmp_path, f"{YAML}  mining: {{range_max: 50}}\n")
    assert isinstance(caught.value.__cause__, SettingsError)
    assert "animals/defs.yaml:7: the key 'mining' stands twice" in str(caught.value.__cause__)


@given(damaged(st.just(YAML.encode())))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_a_file_holds_only_repeated_keys_are_refused(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "defs.yaml"
    path.write_bytes(content)
    try:
        check_keys(path)
    except SettingsError as error:
        assert re.search(r"defs\.yaml:\d+: the key .* stands twice", str(error)), error
