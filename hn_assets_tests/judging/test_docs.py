"""The prompt in the documentation is the one that is asked."""

from hn_assets.judging.prompt import DEFAULT_PROMPT
from hn_assets_tests.test_docs import DOCS


def test_the_documented_prompt_is_the_default() -> None:
    page = (DOCS / "trustworthy-negatives.md").read_text(encoding="utf-8")
    assert f"```text\n{DEFAULT_PROMPT}```" in page
