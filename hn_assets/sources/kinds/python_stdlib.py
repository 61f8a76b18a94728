"""The embedded default: functions and classes of Python's standard library, and their docstrings.

A document is a definition without its docstring; a long function is several. A query is the first
sentence of a docstring. All passages of the definition answer it, and so do those of every other
definition with the same body.
"""

import ast
import hashlib
import platform
import re
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hn_assets.settings.source import PythonStdlibSource
from hn_assets.sources.protocol import Document, Qrel, Query

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

# tests, generated tables, and what is not part of the library
LEFT_OUT = {
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idle_test",
    "lib2to3",
    "__pycache__",
}
FEWEST_WORDS = 5  # of a query
FEWEST_BODY_CHARACTERS = 40  # a body like `return self._value` is equal by chance, not in meaning
SHORTEST_TAIL = 5  # lines; what is left over of a long function and shorter goes with the rest
TEST_SHARE = 0.1


@dataclass(frozen=True)
class Entry:
    """One definition: its passages, its query if it has one, and what tells equal bodies."""

    name: str
    documents: list[Document]
    query: str | None
    body: str


class PythonStdlib:
    """The standard library of the interpreter that runs this."""

    def __init__(self, settings: PythonStdlibSource) -> None:
        self.settings = settings
        self.root = Path(sysconfig.get_paths()["stdlib"])

    def describe(self) -> dict[str, str]:
        """Type, location and the interpreter's version."""
        return {
            "type": "python_stdlib",
            "location": str(self.root),
            "revision": f"Python {platform.python_version()}",
        }

    def files(self) -> None:
        """None: it is the interpreter's own."""

    def fingerprint(self) -> str | None:
        """None: the interpreter's files can change without a new version."""
        return None

    def documents(self) -> Iterator[Document]:
        """One document per passage, by definition."""
        for entry in self._entries:
            yield from entry.documents

    def queries(self) -> Iterator[Query]:
        """One query per definition with a docstring that says something."""
        for entry in self._entries:
            if entry.query is not None:
                yield Query(f"q:{entry.name}", entry.query, None, entry.documents[0].where)

    def qrels(self) -> Iterator[Qrel]:
        """Every query with its definition, and with those of the same body."""
        same: dict[str, list[Document]] = defaultdict(list)
        for entry in self._entries:
            if len(entry.body) >= FEWEST_BODY_CHARACTERS:
                same[entry.body] += entry.documents
        for entry in self._entries:
            if entry.query is None:
                continue
            query_id = f"q:{entry.name}"
            is_test = _fraction(query_id, self.settings.seed) < TEST_SHARE
            split = "test" if is_test else "train"
            for document in same.get(entry.body, entry.documents):
                yield Qrel(query_id, document.id, 1, split, entry.documents[0].where)

    @cached_property
    def _entries(self) -> list[Entry]:
        found: dict[str, Entry] = {}
        for path in sorted(self.root.rglob("*.py")):
            relative = path.relative_to(self.root)
            if LEFT_OUT.isdisjoint(relative.parts):
                for entry in _read_module(path, relative, self.settings.passage_lines):
                    # the same name again (by platform, or overloaded): the first one stands
                    found.setdefault(entry.name, entry)
        share = self.settings.documents / max(sum(len(e.documents) for e in found.values()), 1)
        return [
            found[name] for name in sorted(found) if _fraction(name, self.settings.seed) < share
        ]


def _read_module(path: Path, relative: Path, passage_lines: int) -> Iterator[Entry]:
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # some files are broken, or in another encoding, on purpose
        return
    parts = relative.with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    # not splitlines: it also splits at form feeds, which ast does not count as line ends
    lines = source.split("\n")
    for name, node in _walk(tree, module):
        yield _make_entry(node, lines, name, relative.as_posix(), passage_lines)


def _walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, Definition]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            name = f"{prefix}.{child.name}"
            yield name, child
            yield from _walk(child, name)
        elif not isinstance(child, ast.expr):  # definitions under if, try and with
            yield from _walk(child, prefix)


def _make_entry(
    node: Definition, lines: list[str], name: str, file: str, passage_lines: int
) -> Entry:
    docstring = ast.get_docstring(node, clean=True)
    hidden = _docstring_lines(node)
    code = range(node.lineno, (node.end_lineno or 0) + 1)
    text = _dedent([lines[number - 1] for number in code if number not in hidden])
    statements = node.body[1:] if docstring is not None else node.body
    first = statements[0].lineno if statements else (node.end_lineno or 0) + 1
    body = [lines[number - 1] for number in code if number >= first and number not in hidden]
    comparable = "" if isinstance(node, ast.ClassDef) else " ".join("\n".join(body).split())
    where = f"{file}:{node.lineno}"
    # a class is its head; what its methods do is in documents of their own
    passages = [text] if isinstance(node, ast.ClassDef) else _cut(text, passage_lines)
    documents = [
        Document(f"{name}#{number}" if number > 1 else name, name, "\n".join(passage), where)
        for number, passage in enumerate(passages, 1)
    ]
    return Entry(name, documents, _first_sentence(docstring), comparable)


def _cut(code: list[str], length: int) -> list[list[str]]:
    """Passages of `length` lines; a short rest goes with the last one."""
    count = max(1, (len(code) + length - SHORTEST_TAIL) // length)
    parts = [code[i * length : (i + 1) * length] for i in range(count - 1)]
    parts.append(code[(count - 1) * length :])
    # a passage of blank lines says nothing
    return [part for part in parts if any(line.strip() for line in part)]


def _docstring_lines(node: Definition) -> set[int]:
    """Lines of its docstring and those of what it holds, which are queries of their own."""
    found: set[int] = set()
    for inner in ast.walk(node):
        if isinstance(inner, Definition) and ast.get_docstring(inner, clean=False) is not None:
            expression = inner.body[0]
            if expression.lineno > inner.lineno:  # not where all stands on one line
                found.update(range(expression.lineno, (expression.end_lineno or 0) + 1))
    return found


def _dedent(code: list[str]) -> list[str]:
    margin = len(code[0]) - len(code[0].lstrip()) if code else 0
    return [line[margin:] if not line[:margin].strip() else line for line in code]


def _first_sentence(docstring: str | None) -> str | None:
    paragraph = (docstring or "").strip().split("\n\n")[0]
    sentence = " ".join(re.split(r"(?<=[.!?])\s", " ".join(paragraph.split()))[0].split())
    return sentence if len(sentence.split()) >= FEWEST_WORDS else None


def _fraction(name: str, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but the name and the seed."""
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
