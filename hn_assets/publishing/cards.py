"""The card of a repository: its README.md, with the provenance of its files."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from hn_assets.publishing.provenance import ModelProvenance, Provenance, is_on_hub

CARD = "README.md"
TAGS = ["hard-negatives", "hn_assets"]
_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
_NAMES = ("1K", "10K", "100K", "1M", "10M", "100M")


def dataset_card(
    name: str, found: Provenance, files: Sequence[str], columns: Mapping[str, str]
) -> str:
    """The card of a dataset of training files.

    Args:
        name: The name of the repository.
        found: Where the files come from.
        files: The names of the files. Each that `datasets` can read is a configuration.
        columns: What the files hold, by their names; side tables may be missing.
    """
    readable = [file for file in files if file.endswith((".parquet", ".jsonl"))]
    configurations = {file.rpartition(".")[0].replace("/", "_"): file for file in readable}
    head = {
        **_license(found),
        "pretty_name": f"{found.dataset} with hard negatives",
        "task_categories": ["text-retrieval"],
        "tags": TAGS,
        "size_categories": [_size_category(found.counts["queries"])],
        "configs": [
            {"config_name": configuration, "data_files": file}
            for configuration, file in configurations.items()
        ],
    }
    example = next(iter(configurations), "")
    return _card(
        head,
        f"# {found.dataset}: training files with hard negatives",
        f'```python\nfrom datasets import load_dataset\n\nload_dataset("{name}", "{example}")\n```',
        _table("file", "holds", {f"`{file}`": columns.get(file, "ids") for file in files}),
        *_provenance(found),
    )


def model_card(model: ModelProvenance, found: Provenance, dataset_repo: str) -> str:
    """The card of a promoted model.

    Args:
        model: Where the model comes from.
        found: Where the dataset comes from. What it says of the negatives is not used: they may
            have been mined anew since.
        dataset_repo: The dataset of the hub that has them; "" if they are not pushed.
    """
    head = {
        **_license(found),
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
        "tags": [*TAGS, "sentence-transformers", "feature-extraction"],
        **({"base_model": [model.base_model]} if is_on_hub(model.base_model) else {}),
        **({"datasets": [dataset_repo]} if dataset_repo else {}),
    }
    return _card(
        head,
        f"# An encoder fine-tuned on {found.dataset}",
        f"{model.base_model}, fine-tuned on hard negatives of the dataset {found.dataset}.",
        "## Quality",
        f"On the evaluation split, which was not trained on: {model.quality}.",
        "## Training",
        _table(
            "",
            "",
            {
                "started from": f"`{model.base_model}`",
                "round of mining and training": str(model.round),
                "weights": f"`{model.weights}`",
            },
        ),
        _settings(model.settings),
        "## Where the negatives come from",
        _table(
            "",
            "",
            {"source": found.source, "mined with": model.mined_with, "how": model.plan},
        ),
        _settings(model.mining),
        "## False negatives",
        model.false_negative_rate,
        "## Versions",
        _versions(model.versions),
    )


def _provenance(found: Provenance) -> list[str]:
    return [
        "## Where the negatives come from",
        _table(
            "",
            "",
            {
                "source": found.source,
                "mined with": found.model,
                "its weights": f"`{found.weights}`",
                "how": found.plan,
                "split": f"`{found.split}`",
                **{what: f"{count:,}" for what, count in found.counts.items()},
            },
        ),
        "## False negatives",
        found.false_negative_rate,
        "## Settings of mining",
        _settings(found.settings),
        "## Versions",
        _versions(found.versions),
    ]


def _versions(versions: Mapping[str, str]) -> str:
    return _table("made by", "version", {name: f"`{one}`" for name, one in versions.items()})


def _card(head: Mapping[str, Any], *parts: str) -> str:
    front = yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def _license(found: Provenance) -> dict[str, str]:
    return {"license": found.license} if found.license else {}


def _settings(settings: Mapping[str, Any]) -> str:
    return f"```yaml\n{yaml.safe_dump(dict(settings), sort_keys=True, allow_unicode=True)}```"


def _table(first: str, second: str, rows: Mapping[str, str]) -> str:
    lines = [f"| {first} | {second} |", "| --- | --- |"]
    cells = ((key, value.replace("|", "\\|").replace("\n", " ")) for key, value in rows.items())
    return "\n".join([*lines, *(f"| {key} | {value} |" for key, value in cells)])


def _size_category(rows: int) -> str:
    """The hub's name for a number of rows.

    >>> _size_category(20), _size_category(4_000), _size_category(10**9)
    ('n<1K', '1K<n<10K', 'n>100M')
    """
    for place, size in enumerate(_SIZES):
        if rows < size:
            return f"{_NAMES[place - 1]}<n<{_NAMES[place]}" if place else f"n<{_NAMES[0]}"
    return f"n>{_NAMES[-1]}"
