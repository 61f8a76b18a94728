"""A stage whose output changes must have its version raised.

The output of every stage on a tiny dataset is kept in `golden.json`: a hash of all that is no
fraction, and mean and deviation of the fractions, which CPUs round differently; and beside it a
hash of the defaults that the stage depends on. The model is one
whose vectors are the same on every CPU, so that no two candidates change places.

If a stage's output changed on purpose, raise `version` in its file under `hn_assets/assets/`, then
run `python -m hn_assets_tests.assets.test_golden`, which writes `golden.json` anew.
"""

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hn_assets import mine_hard_negatives
from hn_assets.assets import all_stages
from hn_assets.pipeline.stage import Stage, upstream_names
from hn_assets.settings.dataset import DatasetSettings
from hn_assets_tests.assets.partly_labelled import write_partly_labelled
from hn_assets_tests.small_models import make_bag_of_words_model

GOLDEN = Path(__file__).with_name("golden.json")
TOLERANCE = 1e-3
SETTINGS: dict[str, Any] = {
    "compute": {"device": "cpu", "precision": "float32"},
    "mining": {"num_negatives": 5, "evaluation_split": ""},
    "filters": {"target_false_negative_rate": 0.02, "margin_against": "mean"},
    "review": {"num_negatives": 60},
    "suspect_positives": {},
    "export": {"formats": ["flagembedding", "triplet", "n-tuple", "labeled-pair", "labeled-list"]},
}
# says when it was made
NOT_COMPARED = {"retrieval_quality.time"}

Golden = dict[str, Any]


def describe_outputs(folder: Path) -> dict[str, Golden]:
    """What every stage makes of the dataset, by the stage's name."""
    raw = folder / "raw"
    raw.mkdir()
    write_partly_labelled(raw)
    encoding = {"model": str(make_bag_of_words_model(folder / "model")), "pooling": "mean"}
    settings = {**SETTINGS, "encoding": {**encoding, "normalize": False}}
    mined = mine_hard_negatives(raw, settings=settings, folder=folder, export=True)
    assert mined.folder is not None
    found: dict[str, Golden] = {}
    for stage in all_stages():
        latest = mined.folder / stage.name / "latest"
        if latest.exists():  # there is no teacher
            contents = {path.name: _read(path) for path in sorted(latest.iterdir())}
            found[stage.name] = {
                "version": stage.version,
                "defaults": _defaults(stage),
                **_summary(contents),
            }
    return found


def _defaults(stage: Stage) -> str:
    """Changes with the defaults of the settings that a stage depends on, and with its version."""
    settings = DatasetSettings.model_validate({"source": {"type": "beir", "folder": "raw"}})
    return stage.code_version(settings) if stage.is_part_of(settings) else ""


def _read(path: Path) -> Any:
    if path.stem in ("likely_missing_labels", "suspect_positives"):
        # those of nearly equal estimates change places with the rounding of the models
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        return frame.sort_values(["query_id", "doc_id"]).to_dict("list")
    if path.name == "review_sample.parquet":
        # which negatives are drawn depends on the order of nearly equal probabilities, too
        frame = pd.read_parquet(path)
        return frame.groupby(["kind", "is_repeat"]).size().reset_index().to_dict("list")
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_dict("list")
    if path.suffix == ".arrow":
        return pd.read_feather(path).to_dict("list")
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".html":
        # its own words: what is drawn, the numbers, and what each check says come from elsewhere
        checks = r'<section id="checks">.*?</section>'
        foreign = rf"{checks}|<(svg|style|script)\b.*?</\1>|<[^>]*>"
        text = re.sub(foreign, " ", path.read_text(), flags=re.S)
        return re.sub(r"[\d.,:+\-]+", "#", " ".join(text.split()))
    return None  # pictures, and the index, which holds the vectors


def _summary(contents: Any) -> Golden:
    """A hash of everything that is no fraction; mean and deviation of the fractions by place."""
    exact: list[str] = []
    fractions: dict[str, list[float]] = {}
    for place, value in _walk(contents, ""):
        if isinstance(value, float):
            fractions.setdefault(place, []).append(value)
        else:
            exact.append(f"{place}={value!r}")
    finite = {k: np.array(v)[np.isfinite(v)] for k, v in fractions.items()}
    return {
        "hash": hashlib.sha256("\n".join(exact).encode()).hexdigest()[:16],
        "fractions": {
            k: [len(v), round(float(v.mean()), 5), round(float(v.std()), 5)]
            for k, v in sorted(finite.items())
            if len(v) and k not in NOT_COMPARED
        },
    }


def _walk(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, f"{place}/{key}")
    elif isinstance(value, (list, tuple, np.ndarray)):
        for inner in value:
            yield from _walk(inner, place)
    elif isinstance(value, (float, np.floating)):
        yield place, float(value)
    else:
        yield place, value.item() if isinstance(value, np.generic) else value


def _differences(kept: Golden, now: Golden) -> Iterable[str]:
    if kept["hash"] != now["hash"]:
        yield "ids, texts or counts"
    for place in kept["fractions"].keys() | now["fractions"].keys():
        one, other = kept["fractions"].get(place), now["fractions"].get(place)
        if (
            one is None
            or other is None
            or not np.allclose(one, other, atol=TOLERANCE, rtol=TOLERANCE)
        ):
            yield f"{place}: {one} became {other}"


def _has_raised(stage: str, kept: dict[str, Golden], now: dict[str, Golden]) -> bool:
    """Whether a version was raised, of the stage or of one that it is made from."""
    stages = {each.name: each for each in all_stages()}
    waiting, seen = [stage], set()
    while waiting:
        name = waiting.pop()
        if name not in seen and name in now:
            seen.add(name)
            waiting += upstream_names(stages[name], stages.values())
    return any(kept.get(name, {}).get("version") != now[name]["version"] for name in seen)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Golden]:
    return describe_outputs(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("stage", sorted(json.loads(GOLDEN.read_text())))
def test_a_stage_makes_what_its_version_made(stage: str, outputs: dict[str, Golden]) -> None:
    kept = json.loads(GOLDEN.read_text())
    differences = list(_differences(kept[stage], outputs[stage]))
    advice = f"run python -m {__spec__.name} and commit golden.json"
    assert kept[stage]["defaults"] == outputs[stage]["defaults"], (
        f"{stage} has another version, or its settings other defaults, than golden.json says, so "
        f"that it is made again in every dataset that leaves these settings out: {advice}"
    )
    if _has_raised(stage, kept, outputs):
        pytest.fail(
            f"a version was raised, of {stage} or of a stage that it is made from: {advice}"
        )
    assert not differences, (
        f"{stage} makes other output, and its version is still {outputs[stage]['version']}: raise "
        f"it in hn_assets/assets/{stage}.py if that is meant, then {advice}"
    )


def main() -> None:
    """Write what the stages make now; refused for a stage whose version was not raised."""
    with tempfile.TemporaryDirectory() as folder:
        found = describe_outputs(Path(folder))
    kept = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    for stage, now in found.items():
        before = kept.get(stage)
        same = before and not list(_differences(before, now))
        if before and not same and not _has_raised(stage, kept, found):
            sys.exit(
                f"{stage} makes other output: raise its version in hn_assets/assets/{stage}.py"
            )
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
