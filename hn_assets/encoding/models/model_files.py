"""Which files of a model's folder count."""

from pathlib import Path


def model_files(folder: Path) -> list[Path]:
    """Every file that can change what the model in a folder computes, in the order of their paths.

    Hidden files and Markdown cannot.
    """
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".md"
        and not any(part[0] == "." for part in path.relative_to(folder).parts)
    ]
