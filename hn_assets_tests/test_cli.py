"""`hn-assets`: what each command prints, and how it ends if there is nothing to print."""

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from hn_assets.cli import main
from hn_assets.mining.rules.reasons import CHOSEN
from hn_assets_tests.assets.animals_dataset import AnimalsDataset


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> AnimalsDataset:
    dataset = AnimalsDataset(tmp_path_factory.mktemp("cli"))
    dataset.materialize()
    return dataset


def hn_assets(dataset: AnimalsDataset, *arguments: str) -> Result:
    environment = {"HN_DATA_DIR": str(dataset.folder / "data")}
    return CliRunner().invoke(main, arguments, env=environment)


def test_show_prints_where_the_files_are_and_examples(animals: AnimalsDataset) -> None:
    done = hn_assets(animals, "show", "animals", "--examples", "2")
    assert done.exit_code == 0, done.output
    assert "flagembedding.jsonl" in done.output
    starts = [line.split()[0] for line in done.output.splitlines() if line.strip()]
    assert (starts.count("query"), starts.count("negative")) == (2, 6)


def test_why_says_that_a_negative_was_chosen(animals: AnimalsDataset) -> None:
    ledger = pd.read_parquet(animals.file("hard_negatives", "ledger.parquet"))
    chosen = ledger[ledger.outcome == CHOSEN].iloc[0]
    done = hn_assets(animals, "why", "animals", chosen.query_id, chosen.doc_id)
    assert done.exit_code == 0, done.output
    assert "is a negative" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nothing"), "nothing/training_set has not been materialized"),
        (("why", "animals", "no such query", "d1"), "no such query"),
    ],
)
def test_what_is_not_there_ends_with_one_line(
    animals: AnimalsDataset, arguments: tuple[str, ...], message: str
) -> None:
    done = hn_assets(animals, *arguments)
    assert done.exit_code == 1
    assert message in done.output
    assert len(done.output.splitlines()) == 1


def test_settings_prints_a_row_for_each_setting(animals: AnimalsDataset) -> None:
    done = hn_assets(animals, "settings")
    assert "`compute.max_tokens_per_batch`" in done.output
