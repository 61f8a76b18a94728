"""The formats as a list: discovered, described as they are, and extended by a single file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

import hn_assets
from hn_assets.export.formats import FORMATS, format_table
from hn_assets.settings.export import ExportSettings
from hn_assets_tests.export.export_inputs import Inputs, read_jsonl

NEW_FORMAT = '''
from hn_assets.export.base.format import Format, WrittenFiles


class Counted(Format):
    """The number of negatives of each query."""

    name = "counted"
    description = "the number of negatives of each query"
    files = {"counted.txt": "a number"}
    read_by = "people"

    def write(self, folder, examples, context):
        counts = [str(len(example.negatives)) for example in examples]
        (folder / "counted.txt").write_text(",".join(counts))
        return WrittenFiles({"counted.txt": len(counts)})
'''

EXPORT = """
import json, sys
from pathlib import Path

from hn_assets.export.formats import format_table
from hn_assets.export.writer import export_training_set
from hn_assets.settings.export import ExportSettings

settings = ExportSettings.model_validate({"formats": ["counted"]})
folder, *paths = json.loads(sys.argv[1])
names = ("corpus", "queries", "qrels", "hard_negatives")
report = export_training_set(
    Path(folder),
    **{name: Path(path) for name, path in zip(names, paths)},
    split="train",
    num_negatives=2,
    include_title=True,
    formats=settings.formats,
)
assert "`counted`: the number of negatives" in ExportSettings.model_fields["formats"].description
assert "| `counted` | `counted.txt`: a number | the same | people |" in format_table()
print(report.files["counted.txt"]["rows"])
"""


def test_one_new_file_is_a_new_format(inputs: Inputs, tmp_path: Path) -> None:
    """The settings take its name, the writer writes it, and both tables describe it."""
    package = Path(hn_assets.__file__).parent
    copy = tmp_path / "copy" / "hn_assets"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "data"))
    (copy / "export" / "formats" / "counted.py").write_text(NEW_FORMAT, encoding="utf-8")
    (tmp_path / "out").mkdir()
    arguments = [str(path) for path in (tmp_path / "out", *inputs.write().values())]
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, json.dumps(arguments)],
        cwd=copy.parent,
        env={**os.environ, "PYTHONPATH": str(copy.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("2\n", 0), done.stderr
    assert (tmp_path / "out" / "counted.txt").read_text() == "2,1"


def test_every_format_can_be_asked_for() -> None:
    peers = {"flagembedding", "nemo", "pylate", "tevatron"}
    assert set(FORMATS) >= {"triplet", "n-tuple", "labeled-pair", "labeled-list", *peers}
    assert ExportSettings.model_validate({"formats": list(FORMATS)}).formats == list(FORMATS)
    for name in FORMATS:
        assert f"`{name}`: " in str(ExportSettings.model_fields["formats"].description)
        assert f"| `{name}` | " in format_table()


def test_no_two_formats_write_the_same_file() -> None:
    names = [name for kind in FORMATS.values() for name in kind.files]
    assert len(names) == len(set(names))
    assert "ids.parquet" not in names


def test_formats_write_the_files_and_columns_that_they_describe(inputs: Inputs) -> None:
    inputs.add_teacher()
    for name, kind in FORMATS.items():
        report = inputs.export(name, [name])
        assert set(report.files) == {*kind.files, "ids.parquet"}
        for file, described in kind.files.items():
            path = inputs.folder / name / file
            if file.endswith("parquet"):
                columns = pq.read_schema(path).names
            elif file.endswith("jsonl"):
                columns = list(read_jsonl(path)[0])
            else:
                columns = list(json.loads(path.read_text(encoding="utf-8")))
            for column in columns:
                stated = f"`{column}`" in described or f"`{column}`" in kind.with_teacher
                assert stated or name == "n-tuple", (file, column)
