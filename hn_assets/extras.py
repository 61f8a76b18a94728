"""Optional dependencies: they are imported when first needed, and an error names their extra.

What belongs here is the import alone. Which extras there are stands in pyproject.toml.
"""

from importlib import import_module
from types import ModuleType

from hn_assets.errors import HardNegativesError


class MissingExtraError(HardNegativesError):
    """A package is not installed that only one of the project's extras brings."""


def import_optional(module: str, *, extra: str, needed_for: str) -> ModuleType:
    """Import a module that is installed only with an extra of this project.

    Args:
        module: The module's name, as an import statement takes it.
        extra: The extra that installs it, as in `hn_assets[s3]`.
        needed_for: What the module is needed for, as it continues "is needed for".

    Raises:
        MissingExtraError: If the module is not installed. A module that is installed, and fails
            while it is imported, raises what it raises: another install would not mend it.

    >>> import_optional("json", extra="s3", needed_for="a store under s3://").loads("[1]")
    [1]
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        # an installed module may lack a module of its own, which the extra does not bring either
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise MissingExtraError(
            f"{module} is needed for {needed_for}, and is not installed: "
            f"pip install 'hn_assets[{extra}]'"
        ) from error
