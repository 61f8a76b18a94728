"""What pyproject.toml, constraints.txt, the changelog and CI say of versions is the same."""

import re
from pathlib import Path
from typing import Any

import pytest
import tomli
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hn_assets

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(project: dict[str, Any]) -> list[Requirement]:
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return [Requirement(line) for line in lines]


def test_every_dependency_is_pinned_to_a_version_that_it_allows(project: dict[str, Any]) -> None:
    pins: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            pins.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier)[2:])
    for requirement in requirements(project):
        if requirement.name == "hn_assets":
            continue
        versions = pins.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement.name} is not in constraints.txt"
        assert all(requirement.specifier.contains(v, prereleases=True) for v in versions)


def test_no_release_of_dagster_is_too_new(project: dict[str, Any]) -> None:
    for requirement in requirements(project):
        if requirement.name.startswith("dagster"):
            assert [bound.operator for bound in requirement.specifier] == [">="], requirement


def test_ci_tries_the_oldest_dagster_that_is_allowed(project: dict[str, Any]) -> None:
    (dagster,) = (r for r in requirements(project) if r.name == "dagster")
    (bound,) = dagster.specifier
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert f"make test-dagster DAGSTER={bound.version}.0\n" in workflow


def test_ci_tries_every_python_that_is_claimed(project: dict[str, Any]) -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    tried = jobs["test"]["strategy"]["matrix"]["python"]
    claimed = re.findall(r":: (3\.\d+)$", "\n".join(project["classifiers"]), re.M)
    assert tried == claimed


def test_the_changelog_has_an_entry_for_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(hn_assets.__version__)} ", changelog, re.M)
