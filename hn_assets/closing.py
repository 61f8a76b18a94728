"""What has to be closed, and is when a `with` block ends, also after an error."""

from abc import ABC, abstractmethod
from types import TracebackType

from typing_extensions import Self


class ClosedAtExit(ABC):
    """Base class of what `with` closes."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
