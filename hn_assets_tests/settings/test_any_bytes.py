"""Whatever bytes a YAML file's settings are, they make a graph or one error says what is wrong."""

from pathlib import Path

import pytest
import yaml
from dagster.components.resolved.errors import ResolutionException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hn_assets import HardNegatives
from hn_assets.errors import HardNegativesError
from hn_assets.orchestration.build import build_definitions
from hn_assets.pipeline.dataset import Dataset
from hn_assets_tests.any_bytes import damaged

LINES = """dataset: animals
source: {type: beir, folder: raw}
encoding: {model: bundled, query_instruction: "query: ", passage_max_length: 128}
compute: {device: cpu, precision: float32}
search: {index: Flat, depth: 250}
mining: {num_negatives: 7, range_min: 10, range_max: 210, split: train, seed: 3}
filters:
  reviewed_labels: labels.csv
  max_score: 0.9
  target_false_negative_rate: 1e-2
teacher: {model: me/teacher, max_score: 0.8}
export: {formats: [triplet, nemo]}
checks: {max_ndcg_drop: 0.05}
job: {cron: "0 3 * * 1", timezone: Europe/Berlin, tags: {team: search}, retries: 2}
alerts: {webhook: "{{ env.HN_WEBHOOK }}"}
""".splitlines(keepends=True)


def test_the_settings_that_are_damaged_here_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HN_WEBHOOK", "https://example.org/hook")
    assert HardNegatives.resolve_from_yaml("".join(LINES)).settings.mining.seed == 3


@given(damaged(st.lists(st.sampled_from(LINES), max_size=9).map("".join).map(str.encode)))
def test_settings_make_a_graph_or_one_error_says_what_is_wrong(content: bytes) -> None:
    try:
        component = HardNegatives.resolve_from_yaml(content.decode())
        settings = component.settings.with_environment("animals", {})
        build_definitions(Dataset(settings.dataset or "animals", settings, Path()))
    except (UnicodeDecodeError, yaml.YAMLError, ResolutionException):
        return  # what Dagster says of bytes that are no YAML, and of templates
    except (HardNegativesError, ValidationError) as error:
        assert str(error)
