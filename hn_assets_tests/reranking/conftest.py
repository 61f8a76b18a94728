"""A reranker that the tests of this folder share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def random_teacher(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny cross-encoder whose scores mean nothing."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("random_teacher")
    torch.manual_seed(0)
    classifier = AutoModelForSequenceClassification.from_pretrained(model, num_labels=1)
    classifier.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder
