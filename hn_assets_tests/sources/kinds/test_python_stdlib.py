"""The standard library as documents, queries and qrels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hn_assets.sources.kinds.python_stdlib import PythonStdlibSettings


@pytest.fixture(scope="module")
def stdlib():
    source = PythonStdlibSettings(type="python_stdlib").open(Path())
    return list(source.documents()), list(source.queries()), list(source.qrels())


def test_the_standard_library_is_about_6000_documents(stdlib) -> None:
    documents, queries, qrels = stdlib
    assert 5500 < len(documents) < 6500
    assert len(queries) > 1200
    assert len({d.id for d in documents}) == len(documents)
    assert not [d.id for d in documents if not d.text.strip()]
    tests = {q.query_id for q in qrels if q.split == "test"}
    assert 0.07 < len(tests) / len(queries) < 0.13
    assert {q.query_id for q in qrels} == {q.id for q in queries}
    assert all(len(q.text.split()) >= 5 for q in queries)


def test_documents_do_not_hold_the_docstring_that_asks_for_them(stdlib) -> None:
    documents, queries, _ = stdlib
    texts = {d.id: " ".join(d.text.split()) for d in documents}
    told = [
        (q.id, holder)
        for q in queries
        # the definition itself, and the class that holds it
        for holder in (q.id.removeprefix("q:"), q.id.removeprefix("q:").rpartition(".")[0])
        # some docstrings begin with the signature, which the document has too
        if "=" not in q.text and q.text in texts.get(holder, "")
    ]
    assert not told


def test_definitions_with_the_same_body_answer_the_same_query(stdlib) -> None:
    documents, _, qrels = stdlib
    texts = {d.id: d.text for d in documents}
    others = [q for q in qrels if q.query_id != f"q:{q.doc_id.partition('#')[0]}"]
    assert others
    for qrel in others:
        passage = qrel.doc_id.partition("#")[1:]
        own = texts["".join((qrel.query_id.removeprefix("q:"), *passage))].split("\n")[-1].strip()
        assert texts[qrel.doc_id].split("\n")[-1].strip() == own


def test_a_long_function_is_several_passages_which_all_answer(stdlib) -> None:
    documents, queries, qrels = stdlib
    texts = {d.id: d.text for d in documents}
    second = [i for i in texts if i.endswith("#2")]
    assert len(second) > 300
    asked = {q.id for q in queries}
    pairs = {(q.query_id, q.doc_id) for q in qrels}
    for doc_id in second:
        name = doc_id.removesuffix("#2")
        assert len(texts[name].split("\n")) == 8
        assert 5 <= len(texts[doc_id].split("\n")) < 8 + 5
        assert f"q:{name}" not in asked or (f"q:{name}", doc_id) in pairs
    several = {q for q, d in pairs if "#" in d}
    assert 0.15 < len(several) / len(asked) < 0.4


def test_the_standard_library_is_the_same_in_every_process() -> None:
    code = (
        "import hashlib; from pathlib import Path; "
        "from hn_assets.sources.kinds.python_stdlib import PythonStdlibSettings as Settings; "
        "s = Settings(type='python_stdlib', documents=500).open(Path()); "
        "print(hashlib.sha256(repr([*s.documents(), *s.queries(), *s.qrels()]).encode())"
        ".hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(digests) == 1
