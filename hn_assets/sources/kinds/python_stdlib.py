"""The source type `python_stdlib`: the functions and classes of Python's standard library.

It is real text on any machine, offline. A document is a definition without its docstring; a long
function is several documents. A query is the first sentence of a docstring. All passages of the
definition are its positives, and so are those of every other definition with the same body.
"""

import hashlib
import platform
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from hn_assets.sources.protocol import Document, Qrel, Query, Source, SourceSettings
from hn_assets.sources.python_definitions import Definition, read_definitions

# folders of tests, of generated tables, and of packages that are not part of the library
EXCLUDED_FOLDERS = {
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idle_test",
    "lib2to3",
    "__pycache__",
}
# shorter bodies, such as `return self._value`, are equal by chance and not in meaning
MIN_BODY_CHARACTERS = 40
TEST_SHARE = 0.1


class PythonStdlibSettings(SourceSettings):
    """The running interpreter's own standard library: real text on any machine, offline."""

    type: Literal["python_stdlib"]
    documents: int = Field(
        default=6000, ge=100, description="about how many documents; a hash chooses them"
    )
    passage_lines: int = Field(
        default=8,
        ge=5,
        description="a longer function is cut into passages of so many lines, all positives",
    )
    seed: int = Field(
        default=42, ge=0, description="the seed of the choice of documents and of the test split"
    )

    def open(self, base: Path) -> "PythonStdlib":
        """The standard library as a source. The base folder does not matter."""
        return PythonStdlib(self)


class PythonStdlib(Source):
    """The standard library of the interpreter that runs this."""

    def __init__(self, settings: PythonStdlibSettings) -> None:
        self.settings = settings
        self.root = Path(sysconfig.get_paths()["stdlib"])

    def describe(self) -> dict[str, str]:
        """The type, the library's folder and the interpreter's version."""
        return {
            "type": "python_stdlib",
            "location": str(self.root),
            "revision": f"Python {platform.python_version()}",
        }

    def files(self) -> None:
        """None, because the files belong to the interpreter."""

    def fingerprint(self) -> str | None:
        """None, because the interpreter's files can change without a new version."""
        return None

    def documents(self) -> Iterator[Document]:
        """One document per passage, in the order of the definitions' names."""
        for definition in self._definitions:
            yield from definition.documents

    def queries(self) -> Iterator[Query]:
        """One query per definition whose docstring begins with a sentence that is long enough."""
        for definition in self._definitions:
            if definition.query is not None:
                where = definition.documents[0].where
                yield Query(f"q:{definition.name}", definition.query, None, where)

    def qrels(self) -> Iterator[Qrel]:
        """Every query with the passages of its definition and of those with the same body."""
        same_body: dict[str, list[Document]] = defaultdict(list)
        for definition in self._definitions:
            if len(definition.body) >= MIN_BODY_CHARACTERS:
                same_body[definition.body] += definition.documents
        for definition in self._definitions:
            if definition.query is None:
                continue
            query_id = f"q:{definition.name}"
            is_test = _fraction(query_id, self.settings.seed) < TEST_SHARE
            split = "test" if is_test else "train"
            for document in same_body.get(definition.body, definition.documents):
                yield Qrel(query_id, document.id, 1, split, definition.documents[0].where)

    @cached_property
    def _definitions(self) -> list[Definition]:
        found: dict[str, Definition] = {}
        for path in sorted(self.root.rglob("*.py")):
            relative = path.relative_to(self.root)
            if EXCLUDED_FOLDERS.isdisjoint(relative.parts):
                for definition in read_definitions(path, relative, self.settings.passage_lines):
                    # a name defined again, for another platform or as an overload, is passed over
                    found.setdefault(definition.name, definition)
        total = sum(len(definition.documents) for definition in found.values())
        share = self.settings.documents / max(total, 1)
        return [
            found[name] for name in sorted(found) if _fraction(name, self.settings.seed) < share
        ]


def _fraction(name: str, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but the name and the seed."""
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
