"""The page on which a person judges items: one HTML file that needs no connection.

The texts of a corpus may hold anything. They are data of the page and never part of its markup, and
the page may run no script but its own.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files

from hn_assets.text import printable, to_cell

MAX_CHARACTERS = 10_000  # of a text on the page


@dataclass(frozen=True)
class PageItem:
    """A query and a passage to judge.

    Attributes:
        item: The number of the item, which the file of verdicts repeats.
        query_id: The id of the query.
        doc_id: The id of the document.
        query: The text of the query.
        passage: The text of the passage.
        beside: What is shown for comparison: texts, each after its heading.
    """

    item: int
    query_id: str
    doc_id: str
    query: str
    passage: str
    beside: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class PageWords:
    """What the page says.

    Attributes:
        title: The title of the page.
        question: What is asked of the passage.
        intro: What somebody should know before judging, as paragraphs.
        file_name: The name of the file in which verdicts are saved.
    """

    title: str
    question: str
    intro: Sequence[str]
    file_name: str


def render_page(sample: str, items: Iterable[PageItem], words: PageWords) -> str:
    """Write the page as HTML.

    Args:
        sample: The name of what is judged, under which the browser keeps the verdicts.
        items: What is judged, in the order in which it is shown.
        words: What the page says.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    folder = files("hn_assets.review")
    style, script, page = (
        folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("page.css", "page.js", "page.html")
    )
    data = {
        "sample": sample,
        "file_name": words.file_name,
        "items": [_as_shown(item) for item in items],
    }
    # `</script>` and `<!--` in a text would end the data
    shown = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    return (
        Environment(autoescape=True)
        .from_string(page)
        .render(
            title=words.title,
            question=words.question,
            intro=words.intro,
            style=Markup(style),
            style_hash=_hash(style),
            script=Markup(script),
            script_hash=_hash(script),
            data=Markup(shown),
        )
    )


def _as_shown(item: PageItem) -> dict[str, object]:
    return {
        **asdict(item),
        "query_id": to_cell(item.query_id),
        "doc_id": to_cell(item.doc_id),
        "query": _cut(item.query),
        "passage": _cut(item.passage),
        "beside": [[heading, _cut(text)] for heading, text in item.beside],
    }


def _cut(text: str) -> str:
    # what is not shown may be left out, so that somewhat more than is shown has to be looked at
    shown = printable(text[: 2 * MAX_CHARACTERS])
    return shown if len(shown) <= MAX_CHARACTERS else f"{shown[:MAX_CHARACTERS]} … (cut here)"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
