"""Runs of other systems: read in every form, ordered by score, and refused with their place."""

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.errors import RetrieverError
from hn_assets.retrievers import RetrieverInputs, run_rows
from hn_assets.retrievers.kinds.run import RunSettings
from hn_assets.sources.jsonl import line_blocks
from hn_assets_tests.retrievers.retrieve import inputs_in, retrieve

ROWS = [
    ("q2", "d1", 0.5),
    ("q1", "d3", 2.0),
    ("q1", "d1", 3.5),
    ("q2", "d2", 0.5),
    ("q1", "d10", 2.0),
    ("q1", "d2", -1.0),
]
FOUND = {
    "q1": [("d1", 3.5), ("d10", 2.0), ("d3", 2.0)],
    "q2": [("d1", 0.5), ("d2", 0.5)],
}


@pytest.fixture
def inputs(tmp_path: Path) -> RetrieverInputs:
    documents = {f"d{number}": "text" for number in range(11)}
    return inputs_in(tmp_path, documents, {"q1": "one", "q2": "two", "q3": "three"})


def trec(rows: list[tuple[str, str, float]]) -> str:
    """Lines whose ranks are wrong, as they do not count."""
    return "".join(
        f"{query} Q0 {document}\t{99 - place}  {score} tool\n"
        for place, (query, document, score) in enumerate(rows)
    )


def write_table(path: Path) -> None:
    queries, documents, scores = zip(*ROWS, strict=True)
    table = pa.table({"tag": ["t"] * 6, "score": scores, "doc_id": documents, "query_id": queries})
    if path.suffix == ".parquet":
        columns = table.column_names
        table = table.set_column(2, "doc_id", table["doc_id"].dictionary_encode())
        pq.write_table(table.select(columns), path, row_group_size=2)
    elif path.suffix == ".arrow":
        with pa.ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table)
    else:
        options = pyarrow.csv.WriteOptions(
            delimiter="\t" if path.suffix == ".tsv" else ",",
            quoting_style="none" if path.suffix == ".tsv" else "needed",
        )
        pyarrow.csv.write_csv(table, str(path), options)
        if path.suffix == ".tsv":
            path.write_text(path.read_text().replace('"', ""))


@pytest.mark.parametrize(
    "name", ["run.trec", "run.txt.gz", "run", "run.parquet", "run.arrow", "run.csv", "run.tsv"]
)
def test_a_run_is_ranked_by_its_scores_in_every_form(name: str, inputs: RetrieverInputs) -> None:
    path = inputs.base / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(trec(ROWS).encode()))
    elif path.suffix in ("", ".trec"):
        path.write_bytes(b"\xef\xbb\xbf" + trec(ROWS).replace("\n", "\r\n").encode() + b"\n")
    else:
        write_table(path)
    found, report = retrieve(RunSettings(type="run", path=name, name="tool"), inputs, 3)
    assert found == FOUND
    assert report.queries_without_candidates == 1  # q3
    assert report.figures()["rows_read"] == 6


def test_queries_without_rows_are_told_of(inputs: RetrieverInputs) -> None:
    (inputs.base / "run.txt").write_text(trec(ROWS))
    warned: list[str] = []
    asked = RetrieverInputs(inputs.base, inputs.corpus, inputs.queries, warn=warned.append)
    retrieve(RunSettings(type="run", path="run.txt"), asked, 3)
    assert "run.txt has no row for 1 of 3 queries" in warned[0]


def test_rows_of_other_datasets_are_skipped_and_counted_if_that_is_asked_for(
    inputs: RetrieverInputs,
) -> None:
    extra = [("q1", "gone", 9.0), ("other", "d1", 9.0), ("other", "gone", 9.0)]
    (inputs.base / "run.txt").write_text(trec([*extra, *ROWS]))
    settings = RunSettings(type="run", path="run.txt", unknown_ids="skip")
    warned: list[str] = []
    asked = RetrieverInputs(inputs.base, inputs.corpus, inputs.queries, warn=warned.append)
    found, report = retrieve(settings, asked, 3)
    assert found == FOUND
    assert "3 of 9 rows" in warned[0]
    assert "(2 a query, 2 a document)" in warned[0]
    assert report.figures()["rows_with_unknown_documents"] == 2


def table(**columns: list) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table(columns), path)


def content(text: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


GOOD = "q1 Q0 d1 1 1.0 t\n"
BAD = {
    "missing": ("gone.txt", lambda path: None, r"gone.txt is not there.*set `path`"),
    "empty": ("a.txt", content("\n\n"), r"a.txt has no rows"),
    "fields": ("b.txt", content(f"{GOOD}\nq1 d2 2 0.5\n"), r"b.txt:3: 4 fields.*has six: query"),
    "space": ("t.txt", content(f"{GOOD}q1 Q0 d2 2 0.5 a\u00a0b\n"), r"t.txt:2: 7 fields"),
    "score": ("c.txt", content(f"{GOOD}q1 Q0 d2 2 high t\n"), r"c.txt:2: the score 'high' is no n"),
    "nan": ("d.txt", content("q1 Q0 d2 2 nan t\n"), r"d.txt:1: the score nan cannot be ranked"),
    "large": ("e.txt", content("q1 Q0 d2 2 1e40 t\n"), r"e.txt:1: the score 1e\+40 cannot be"),
    "document": (
        "f.txt",
        content(f"{GOOD}q1 Q0 x1 2 1 t\nq1 Q0 x2 3 1 t\nz Q0 d1 1 1 t\n"),
        r"f.txt:2: there is no document 'x1', and so for 2 more of 4 rows\. .*unknown_ids: skip",
    ),
    "query": ("g.txt", content(f"{GOOD}q9 Q0 d1 1 1 t\n"), r"g.txt:2: there is no query 'q9'\. "),
    "all": ("h.txt", content("q9 Q0 d1 1 1 t\n"), r"h.txt:1: .*No row is of this dataset"),
    "twice": (
        "i.txt",
        content(f"{GOOD}q1 Q0 d2 2 1 t\nq2 Q0 d1 1 1 t\nq1 Q0 d1 3 0.5 t\n"),
        r"i.txt:4: the query 'q1' has the document 'd1' twice",
    ),
    "utf8": ("j.txt", content(GOOD.encode() + b"q1 Q0 \xff 2 1 t\n"), r"j.txt:2: not UTF-8"),
    "gzip": ("k.gz", content(gzip.compress(GOOD.encode() * 99)[:-9]), r"k.gz, after line .*cut o"),
    "columns": ("l.parquet", table(qid=["q1"], doc_id=["d1"], score=[1.0]), r"no column query_id"),
    "text": (
        "m.parquet",
        table(query_id=["q1"], doc_id=["d1"], score=["1.0"]),
        r"m.parquet: the column score holds string, not numbers",
    ),
    "fractions": (
        "n.parquet",
        table(query_id=["q1"], doc_id=[1.5], score=[1.0]),
        r"n.parquet: the column doc_id holds double, not texts or whole numbers",
    ),
    "null": (
        "o.parquet",
        table(query_id=["q1", None], doc_id=["d1", "d2"], score=[1.0, 1.0]),
        r"o.parquet, row 2: query_id is missing",
    ),
    "damaged": ("p.parquet", content(b"PAR1 and more"), r"p.parquet, after row 0"),
    "csv": ("q.csv", content("query_id,doc_id,score\nq1,d1\n"), r"q.csv:2: 2 values"),
    "header": ("r.tsv", content("q1\td1\t1.0\n"), r"r.tsv:1: no column query_id"),
    "underscore": ("s.csv", content("query_id,doc_id,score\nq1,d1,1_0\n"), r"s.csv:2: .*no number"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_run_is_refused_with_its_place_and_a_remedy(
    kind: str, inputs: RetrieverInputs
) -> None:
    name, write, expected = BAD[kind]
    write(inputs.base / name)
    with pytest.raises(RetrieverError, match=expected):
        retrieve(RunSettings(type="run", path=name), inputs, 3)


def test_lines_that_are_as_they_should_be_are_read_many_at_once(
    inputs: RetrieverInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("read line by line")

    monkeypatch.setattr(run_rows, "_read_trec_lines", refuse)
    monkeypatch.setattr(run_rows, "line_blocks", partial(line_blocks, size=60))
    text = trec(ROWS).replace("\n", " \r\n")
    (inputs.base / "run.txt").write_bytes(text.encode())
    found, _ = retrieve(RunSettings(type="run", path="run.txt"), inputs, 3)
    assert found == FOUND
    # each in its block, and with its own number
    (inputs.base / "run.txt").write_text(trec([*ROWS, ("q1", "gone", 1.0)]))
    with pytest.raises(RetrieverError, match=r"run.txt:7: there is no document 'gone'"):
        retrieve(RunSettings(type="run", path="run.txt"), inputs, 3)


FIELD = st.sampled_from(
    ["q1", "d2", '"', "'a,b'", "\u00e9\u6f22", "1.5", "+2", "-1e-3", "1_0", "\\"]
)
SPACE = st.sampled_from([" ", "  ", "\t", " \t ", "\u00a0", "\u2003", "\x1f", "\x0b", "\r"])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", " ", "\t"]),
            st.lists(st.tuples(FIELD, SPACE), min_size=5, max_size=7),
            st.sampled_from(["1", "2.50", "1e30", ".5", "7."]),
            st.sampled_from(["\n", "\r\n", " \n", "\n\n"]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 200),
)
def test_many_lines_at_once_are_read_as_line_by_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple], size: int
) -> None:
    texts = []
    for start, fields, score, end in lines:
        row = [field + space for field, space in fields]
        row[4] = score + fields[4][1]
        texts.append(start + "".join(row) + end)
    path = tmp_path_factory.mktemp("lines") / "run.txt"
    path.write_bytes("".join(texts).encode())
    expected: list[tuple[int, str, str, float]] = []
    wrong = 0
    for number, line in enumerate("".join(texts).split("\n"), start=1):
        fields = line.split()
        if fields and len(fields) != 6:
            wrong = number
            break
        if fields:
            expected.append((number, fields[0], fields[2], float(np.float32(fields[4]))))
    found: list[tuple[int, str, str, float]] = []

    def read() -> None:
        for rows in run_rows.read_run(path):
            columns = rows.numbers, rows.query_ids, rows.doc_ids, rows.scores
            found.extend(zip(*(column.tolist() for column in columns), strict=True))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_rows, "line_blocks", partial(line_blocks, size=size))
        if not wrong:
            read()
            assert found == expected
            return
        with pytest.raises(RetrieverError, match=rf"run.txt:{wrong}: "):
            read()
        assert found == expected[: len(found)]


def test_whole_numbers_as_ids_are_their_digits(tmp_path: Path) -> None:
    inputs = inputs_in(tmp_path, {"1": "a", "2": "b"}, {"7": "c"})
    table(query_id=[7, 7], doc_id=[1, 2], score=[1, 2])(tmp_path / "run.parquet")
    found, _ = retrieve(RunSettings(type="run", path="run.parquet"), inputs, 5)
    assert found == {"7": [("2", 2.0), ("1", 1.0)]}


def test_it_depends_on_the_bytes_of_the_file(inputs: RetrieverInputs) -> None:
    settings = RunSettings(type="run", path="run.txt")
    with pytest.raises(RetrieverError, match="is not there"):
        settings.identify(inputs)
    (inputs.base / "run.txt").write_text(trec(ROWS))
    before = settings.identify(inputs)
    (inputs.base / "run.txt").write_text(trec(ROWS[1:]))
    assert settings.identify(inputs) != before


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 8), st.floats(-(2.0**99), 2.0**99, width=32)),
        min_size=1,
        unique_by=lambda row: row[:2],
    ),
    st.integers(1, 9),
)
def test_any_run_is_read_in_any_order_of_its_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, float]], depth: int
) -> None:
    documents = {f"d{number}": "text" for number in range(9)}
    queries = {f"q{number}": "text" for number in range(5)}
    inputs = inputs_in(tmp_path_factory.mktemp("run"), documents, queries, memory_mb=0)
    named = [(f"q{query}", f"d{document}", score) for query, document, score in rows]
    (inputs.base / "run.txt").write_text(
        "".join(f"{q} Q0 {d} 0 {score!r} t\n" for q, d, score in named)
    )
    found, _ = retrieve(RunSettings(type="run", path="run.txt"), inputs, depth)
    for query in queries:
        best = sorted((-np.float32(s), d) for q, d, s in named if q == query)[:depth]
        assert [(d, -s) for s, d in best] == found.get(query, [])
