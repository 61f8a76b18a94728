"""A judge in the graph: dry run, budget, its verdicts in the training files, its key nowhere."""

import csv
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from hn_assets import mine_hard_negatives
from hn_assets.api import MinedNegatives
from hn_assets.errors import JudgeError
from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.assets.animals_dataset import AnimalsDataset
from hn_assets_tests.assets.partly_labelled import relevant, write_partly_labelled
from hn_assets_tests.judging.chat_server import (
    KEY,
    ChatServer,
    chat_server,
    completion,
    error,
    verdict,
)
from hn_assets_tests.secret_search import files_with
from hn_assets_tests.small_models import make_bag_of_words_model

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="needs the extra judge")

CHECKED = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("judge")
    (path / "raw").mkdir()
    write_partly_labelled(path / "raw")
    make_bag_of_words_model(path / "model")
    return path


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def answer(number: int, prompt: str):
    """Judge by the thing that query and passage name."""
    query, passage = (
        prompt.split(f"<{tag}>\n")[1].split(f"\n</{tag}>")[0] for tag in ("query", "passage")
    )
    thing = query.removeprefix("tell me about the ")
    return verdict(
        "relevant" if f" {thing} " in f" {passage} ".replace(".", " ") else "not relevant"
    )


def mine(folder: Path, url: str, review: dict | None = None, **judge: object) -> MinedNegatives:
    return mine_hard_negatives(
        folder / "raw",
        settings={
            "encoding": {
                "model": str(folder / "model"),
                "pooling": "mean",
                "normalize": False,
            },
            "mining": {
                "num_negatives": 5,
                "range_min": 0,
                "range_max": 20,
                "sampling": "random",
                "evaluation_split": "",
            },
            "review": {"num_negatives": 80, "num_repeats": 0, **(review or {})},
            "judge": {"base_url": url, "model": "m", "check_negatives": CHECKED, **judge},
        },
        folder=folder,
        export=True,
    )


def labels(folder: Path) -> dict[tuple[str, str], int]:
    ids = pd.read_parquet(folder / "mined/training_set/latest/ids.parquet")
    return dict(zip(zip(ids.query_id, ids.doc_id, strict=True), ids.label, strict=True))


def test_from_dry_run_to_relabelled_negatives_and_a_corrected_rate(folder: Path) -> None:
    with chat_server(answer) as server:
        planned = mine(folder, server.url, dry_run=True).report["judge_verdicts"]
        assert planned["calls_made"] == 0
        assert not server.asked
        assert planned["pairs_left"] == planned["pairs"] == 80 + 20 + 20 + CHECKED
        assert planned["tokens_left_about"] > 160 * 100
        mined = mine(folder, server.url)
        _asks_once(mined, server)
        _relabels(folder, mined)
        dropped = mine(folder, server.url, on_relevant="drop")
        assert dropped.report["judge_verdicts"]["calls_made"] == 0
        _drops(folder, dropped)
        _corrects_the_judge(folder, server)
    assert files_with(KEY, folder) == []


def _asks_once(mined: MinedNegatives, server: ChatServer) -> None:
    found = mined.report["judge_verdicts"]
    assert found["pairs_left"] == 0
    # a pair of the sample may be one of the checked negatives as well
    assert len(server.asked) == len(set(server.asked)) <= 160
    assert server.keys == {KEY}
    assert "no measurement" in found["whose_opinion"]


def _wrong(mined: MinedNegatives) -> set[tuple[str, str]]:
    """The checked negatives that are relevant."""
    rows = mined.negatives.assign(
        estimate=mined.negatives.margin + mined.negatives.positive_similarity
    )
    checked = rows.sort_values(
        ["estimate", "query_id", "doc_id"], ascending=[False, True, True]
    ).head(CHECKED)
    pairs = zip(checked.query_id, checked.doc_id, strict=True)
    return {pair for pair in pairs if relevant(*pair)}


def _relabels(folder: Path, mined: MinedNegatives) -> None:
    wrong = _wrong(mined)
    assert wrong
    assert all(labels(folder)[pair] == 1 for pair in wrong)
    assert mined.report["training_set"]["negatives_relabelled_by_judge"] == len(wrong)
    assert mined.report["training_set"]["positives"] == 160 + len(wrong)


def _drops(folder: Path, mined: MinedNegatives) -> None:
    wrong = _wrong(mined)
    assert not wrong & labels(folder).keys()
    assert mined.report["training_set"]["negatives_dropped_by_judge"] == len(wrong)
    assert mined.report["training_set"]["positives"] == 160


def _corrects_the_judge(folder: Path, server: ChatServer) -> None:
    """People judge a third of the sample; what they say is asked of nobody else."""
    with (folder / "mined/review_sample/latest/review_sample.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[: len(rows) // 3]:
        row["verdict"] = "relevant" if relevant(row["query_id"], row["doc_id"]) else "not relevant"
    with (folder / "verdicts.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    before = len(server.asked)
    found = mine(folder, server.url, {"verdicts": "verdicts.csv"}, check_negatives=0).report
    assert len(server.asked) == before
    result = found["review_result"]
    assert result["agreement_with_judge"] == f"kappa 1.00 on {len(rows) // 3} items"
    assert "with a language model's verdicts corrected by them" in result["summary"]
    assert "measured on" in result["false_negative_rate_with_judge"]


def test_a_key_that_the_endpoint_repeats_stands_in_nothing_of_dagster(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home, place = tmp_path / "home", tmp_path / "place"
    home.mkdir()

    def refuse(number: int, prompt: str):
        # a word of the answer is the key: that, too, is not kept
        if number == 0:
            return completion(f'{{"verdict": "relevant", "reason": "{KEY}"}}')
        return error(401, "invalid_api_key", f"Incorrect API key provided: {KEY}")

    with chat_server(refuse) as server, dg.instance_for_test(temp_dir=str(home)) as instance:
        graph = AnimalsDataset(
            place,
            encoding={"model": str(folder / "model"), "pooling": "mean", "normalize": False},
            review={"num_negatives": 20},
            judge={"base_url": server.url, "model": "m", "concurrency": 1, "max_retries": 0},
        )
        defs = build_definitions(graph.dataset)
        result = dg.materialize(
            [*(defs.assets or []), *(defs.asset_checks or [])],  # type: ignore[list-item]
            resources=dict(defs.resources or {}),
            instance=instance,
            raise_on_error=False,
        )
        assert not result.success
        assert server.keys == {KEY}
        (failed,) = (e for e in result.all_events if e.is_step_failure)
        assert "refuses the judge's call" in str(failed.step_failure_data)
        printed = capfd.readouterr()
    assert "***" in (place / "data/animals/judge_answers.jsonl").read_text()
    assert files_with(KEY, home, place) == []
    assert KEY not in printed.out + printed.err


def test_without_the_key_the_run_ends_before_anything_is_asked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(JudgeError, match="OPENAI_API_KEY"):
        mine(folder, "http://127.0.0.1:9/v1", model="another")
