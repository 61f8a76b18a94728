"""What a format of training files is, and what it is told and tells."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from hn_assets.export.base.examples import Examples


@dataclass(frozen=True)
class ExportContext:
    """What a format may need to know besides the examples.

    Attributes:
        num_negatives: How many negatives were asked for per query. A query may have fewer.
    """

    num_negatives: int


@dataclass(frozen=True)
class WrittenFiles:
    """What a format has written.

    Attributes:
        rows: The number of rows of each file, by the file's name.
        queries_left_out: The number of queries that the format cannot hold and that are therefore
            in none of its files.
    """

    rows: Mapping[str, int]
    queries_left_out: int = 0


class Format(ABC):
    """A format of training files. Each is one module in `hn_assets.export.formats`.

    Attributes:
        name: The name of the format in the setting `export.formats`.
        description: What the format holds, in a few words, for the table of settings.
        files: The columns or keys of each file that the format writes, by the name of the file.
            The name is a path in POSIX notation below the folder of the training set.
        with_teacher: How the columns differ if there are scores of a teacher.
        read_by: The libraries, and parts of them, that read the files.
        needs_teacher: Whether the format cannot be written without scores of a teacher.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    files: ClassVar[Mapping[str, str]]
    with_teacher: ClassVar[str] = "the same"
    read_by: ClassVar[str]
    needs_teacher: ClassVar[bool] = False

    @abstractmethod
    def write(self, folder: Path, examples: Examples, context: ExportContext) -> WrittenFiles:
        """Write all files of the format into `folder`.

        The files depend on the examples and the context alone: the same ones give the same bytes.

        Args:
            folder: An existing folder. A format whose files lie in a subfolder makes that itself.
            examples: The training examples. They can be iterated over more than once.
            context: What else the format may need.
        """
