"""What people do with `dg`: list the component, scaffold a dataset, fill in a path, run it."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.test_component import make_project, python_path, run

# beside the interpreter, as `make test` does not put the environment on the PATH
DG = shutil.which("dg", path=str(Path(sys.executable).parent)) or ""
pytestmark = pytest.mark.skipif(not DG, reason="dg comes with the extra `ui`")


def dg(project: Path, *arguments: str) -> str:
    home = {"DG_CLI_CONFIG": os.devnull, "PYTHONPATH": python_path(project), "COLUMNS": "200"}
    done = run(DG, *arguments, cwd=project, **home)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a dataset that was scaffolded as a file, and one that was in Python."""
    folder = make_project(tmp_path_factory.mktemp("project"), "")
    shutil.rmtree(folder / "their_project" / "defs" / "mine")
    dg(folder, "scaffold", "defs", "hn_assets.HardNegatives", "my_dataset")
    dg(folder, "scaffold", "defs", "hn_assets.HardNegatives", "in_python", "--format", "python")
    return folder


def test_the_component_is_listed_with_what_it_does(project: Path) -> None:
    listed = dg(project, "list", "components", "--json")
    assert "hn_assets.HardNegatives" in listed
    assert "Hard negatives of one dataset, from its raw texts to training files." in listed


def test_every_commented_setting_is_one_that_exists(project: Path) -> None:
    folder = project / "their_project" / "defs"
    written = (folder / "my_dataset" / "defs.yaml").read_text()
    assert written.count("#") > 10
    assert "\n  # job:\n" in written
    # `# key: value`, and no sentence
    text = re.sub(r"(?m)^( *)# ( *\w+:( |$))", r"\1\2", written)
    assert "\n  alerts:\n    webhook:" in text
    bold = folder / "bold" / "defs.yaml"
    bold.parent.mkdir()
    bold.write_text(text)
    try:
        # of both files, as it was written and without its comments
        assert "validated successfully" in dg(project, "check", "yaml")
    finally:
        shutil.rmtree(bold.parent)


def test_scaffolded_definitions_run_once_a_path_is_filled_in(project: Path, tmp_path: Path) -> None:
    path = project / "their_project" / "defs" / "my_dataset" / "defs.yaml"
    animals(tmp_path / "raw")
    path.write_text(path.read_text().replace("/path/to/my_dataset", str(tmp_path / "raw")))
    # both datasets are loaded, that in Python as well
    done = dg(project, "launch", "--assets", "key:my_dataset/corpus")
    assert "RUN_SUCCESS" in done
    assert (project / "data" / "my_dataset" / "corpus" / "latest" / "corpus.parquet").is_file()
