"""Optional dependencies: the error names the extra, and the extra exists."""

import re
import sys
from pathlib import Path

import pytest

from hn_assets.extras import MissingExtraError, import_optional

ROOT = Path(__file__).parents[1]


def test_an_installed_module_is_returned() -> None:
    assert (
        import_optional("json.decoder", extra="s3", needed_for="a test")
        is sys.modules["json.decoder"]
    )


@pytest.mark.parametrize("module", ["not_installed_anywhere", "not_installed_anywhere.inner"])
def test_a_missing_module_names_what_needs_it_and_the_command(module: str) -> None:
    with pytest.raises(MissingExtraError) as raised:
        import_optional(module, extra="s3", needed_for="a store under s3://")
    message = str(raised.value)
    assert module in message
    assert "a store under s3://" in message
    assert "pip install 'hn_assets[s3]'" in message


def test_a_module_that_fails_by_itself_is_not_blamed_on_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_another_module.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        import_optional("needs_another_module", extra="s3", needed_for="a test")


def test_every_extra_that_the_code_names_is_declared() -> None:
    declared = set(re.findall(r"^(\w+) = \[", _optional_dependencies(), re.M))
    assert {"s3", "gpu", "ui", "postgres"} <= declared
    named = {
        extra
        for path in (ROOT / "hn_assets").rglob("*.py")
        for pattern in (r'import_optional\([^)]*extra="(\w+)"', r"hn_assets\[(\w+)\]")
        for extra in re.findall(pattern, path.read_text(encoding="utf-8"))
    }
    assert named <= declared


def _optional_dependencies() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return text.split("[project.optional-dependencies]")[1].split("\n[")[0]
