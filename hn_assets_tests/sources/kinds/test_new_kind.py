"""A new kind of source is one new file: it is in the schema, its mistakes are named, it is read."""

import subprocess
import sys
from pathlib import Path

from hn_assets.settings.dataset import DatasetSettings
from hn_assets.sources.kinds import settings_classes

MODULE = '''
from typing import Literal

from pydantic import Field

from hn_assets.sources.protocol import Document, Qrel, Query, Source, SourceSettings


class NumbersSettings(SourceSettings):
    """Numbers and their names."""

    type: Literal["numbers"]
    count: int = Field(default=2, ge=1, description="how many numbers")

    def open(self, base):
        return Numbers(self.count)


class Numbers(Source):
    def __init__(self, count):
        self.count = count

    def describe(self):
        return {"type": "numbers"}

    def files(self):
        return None

    def fingerprint(self):
        return None

    def documents(self):
        for number in range(self.count):
            yield Document(str(number), "", f"the number {number}", f"number {number}")

    def queries(self):
        yield Query("q", "which number", None, "numbers")

    def qrels(self):
        yield Qrel("q", "0", 1, "train", "numbers")
'''

READ = """
import json, sys
from pathlib import Path

import hn_assets.sources.kinds

hn_assets.sources.kinds.__path__.append(sys.argv[1])

from pydantic import ValidationError

from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.reference import settings_table
from hn_assets.sources import open_source

assert '"numbers"' in json.dumps(DatasetSettings.model_json_schema())
assert "`source (numbers).count`" in settings_table()
settings = DatasetSettings.model_validate({"source": {"type": "numbers", "count": 3}})
source = open_source(settings.source, Path())
assert [d.text for d in source.documents()] == ["the number 0", "the number 1", "the number 2"]
assert source.state() == source.state()
assert settings.with_environment("x", {"HN_X_FOLDER": "/data"}) == settings
try:
    DatasetSettings.model_validate({"source": {"type": "numbers", "cuont": 3}})
except ValidationError as error:
    assert "unknown key 'cuont' (did you mean 'count'?)" in str(error)
else:
    raise AssertionError("an unknown key was taken")
"""


def test_a_new_kind_is_one_new_file(tmp_path: Path) -> None:
    # in a process of its own, because the settings of this one are built already
    (tmp_path / "numbers_.py").write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_kind_names_its_type_and_describes_itself() -> None:
    schema = DatasetSettings.model_json_schema()
    for settings in settings_classes():
        assert settings.__doc__
        described = schema["$defs"][settings.__name__]
        assert (
            described["properties"]["type"]["const"]
            in schema["properties"]["source"]["discriminator"]["mapping"]
        )
