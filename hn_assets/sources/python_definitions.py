"""Python code as passages, and docstrings as queries.

A passage is code without docstrings, so that a query is never found by its own words.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hn_assets.sources.protocol import Document

_Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

MIN_QUERY_WORDS = 5  # a shorter sentence is no query
MIN_REST_LINES = 5  # a shorter rest of a long function becomes part of the passage before it


@dataclass(frozen=True)
class Definition:
    """A function or class.

    Attributes:
        name: The name with those of its module and of what it is defined in.
        documents: Its passages, in order.
        query: The first sentence of its docstring, or None if that is missing or too short.
        body: Its body without docstrings, white space run together; "" for a class. Definitions
            with equal bodies do the same.
    """

    name: str
    documents: list[Document]
    query: str | None
    body: str


def read_definitions(path: Path, relative: Path, passage_lines: int) -> Iterator[Definition]:
    """Read every function and class of a module, in the order of its lines.

    Args:
        path: The file to read.
        relative: The file's path below the library's folder, which names the module.
        passage_lines: How many lines of code a passage has.

    Yields:
        The definitions. A file that is not valid Python in UTF-8 has none.
    """
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # some files are invalid on purpose
        return
    parts = relative.with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    # not splitlines: it also splits at form feeds, which ast does not count as line ends
    lines = source.split("\n")
    for name, node in _walk(tree, module):
        yield _make_definition(node, lines, name, relative.as_posix(), passage_lines)


def _walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Node]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Node):
            name = f"{prefix}.{child.name}"
            yield name, child
            yield from _walk(child, name)
        elif not isinstance(child, ast.expr):  # definitions under if, try and with
            yield from _walk(child, prefix)


def _make_definition(
    node: _Node, lines: list[str], name: str, file: str, passage_lines: int
) -> Definition:
    docstring = ast.get_docstring(node, clean=True)
    left_out = _docstring_lines(node)
    code = range(node.lineno, (node.end_lineno or 0) + 1)
    text = _dedent([lines[number - 1] for number in code if number not in left_out])
    statements = node.body[1:] if docstring is not None else node.body
    first = statements[0].lineno if statements else (node.end_lineno or 0) + 1
    body = [lines[number - 1] for number in code if number >= first and number not in left_out]
    comparable = "" if isinstance(node, ast.ClassDef) else " ".join("\n".join(body).split())
    where = f"{file}:{node.lineno}"
    # the methods of a class are documents of their own, so the class is one passage
    passages = [text] if isinstance(node, ast.ClassDef) else _cut(text, passage_lines)
    documents = [
        Document(f"{name}#{number}" if number > 1 else name, name, "\n".join(passage), where)
        for number, passage in enumerate(passages, 1)
    ]
    return Definition(name, documents, _first_sentence(docstring), comparable)


def _cut(code: list[str], length: int) -> list[list[str]]:
    """Cut code into passages of `length` lines; a short rest becomes part of the last passage."""
    count = max(1, (len(code) + length - MIN_REST_LINES) // length)
    parts = [code[i * length : (i + 1) * length] for i in range(count - 1)]
    parts.append(code[(count - 1) * length :])
    # a passage of blank lines has no content
    return [part for part in parts if any(line.strip() for line in part)]


def _docstring_lines(node: _Node) -> set[int]:
    """The lines of the docstrings of a definition and of all definitions inside it."""
    found: set[int] = set()
    for inner in ast.walk(node):
        if isinstance(inner, _Node) and ast.get_docstring(inner, clean=False) is not None:
            expression = inner.body[0]
            if expression.lineno > inner.lineno:  # else the line holds code too
                found.update(range(expression.lineno, (expression.end_lineno or 0) + 1))
    return found


def _dedent(code: list[str]) -> list[str]:
    margin = len(code[0]) - len(code[0].lstrip()) if code else 0
    return [line[margin:] if not line[:margin].strip() else line for line in code]


def _first_sentence(docstring: str | None) -> str | None:
    paragraph = (docstring or "").strip().split("\n\n")[0]
    sentence = " ".join(re.split(r"(?<=[.!?])\s", " ".join(paragraph.split()))[0].split())
    return sentence if len(sentence.split()) >= MIN_QUERY_WORDS else None
