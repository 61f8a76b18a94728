"""A hub hangs, lies, fails, trickles or moves on: the files stay whole, the next run goes on."""

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.store.layout import CORPUS_EMBEDDINGS, QUERY_EMBEDDINGS, StageFile
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.fake_hub import FakeHub, listening_hub, push_beir
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only
from hn_assets_tests.small_models import make_tiny_bert
from hn_assets_tests.soak.from_hub import CLIENT_SECONDS, model_of
from hn_assets_tests.soak.refreshing import (
    RefreshServer,
    published,
    refresh_server,
    remove_tree,
    store_of,
    undisturbed,
    unfinished,
)
from hn_assets_tests.soak.rounds import run_rounds
from hn_assets_tests.soak.test_full_disk import change_texts

pytestmark = pytest.mark.soak

HOW = ["hangs", "stops", "cuts", "trickles", "fails", "lies", "moves"]
WHERE = ["/api/", "README.md", "corpus.jsonl", "train.tsv", "config.json", "model.safetensors", "/"]
NAMED = r"(HubError|HubUnavailableError|SourceChangedError|ModelChangedError): "
LAST_WAIT = 120.0  # of a refresh with a hub that does not behave


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    """A hub on loopback."""
    with listening_hub() as running:
        yield running


@pytest.fixture(scope="module")
def server_with_hub(hub: FakeHub, model: Path) -> Iterator[RefreshServer]:
    """A server of refreshes that ask the hub."""
    environment = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", **CLIENT_SECONDS}
    with refresh_server(model, **environment) as started:
        yield started


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three models of equal size."""
    folder = tmp_path_factory.mktemp("models")
    return [make_tiny_bert(folder / str(seed), seed=seed) for seed in range(3)]


class Pushed:
    """A dataset and a model on the hub, and new commits of them."""

    def __init__(
        self, hub: FakeHub, name: str, folder: Path, models: list[Path], drawn: random.Random
    ) -> None:
        self.hub, self.name, self.models, self.drawn = hub, name, models, drawn
        self.raw = folder / "raw"
        self.raw.mkdir(parents=True)
        animals(self.raw)
        push_beir(hub, name, self.raw)
        hub.commit(model_of(name), models[0])

    def push(self) -> None:
        """Push other texts, another model, or both."""
        what = self.drawn.choice(["texts", "model", "both"])
        if what != "model":
            change_texts(self.raw.parent, self.drawn)
            push_beir(self.hub, self.name, self.raw)
        if what != "texts":
            self.hub.commit(model_of(self.name), self.drawn.choice(self.models))


def lie_about(hub: FakeHub, name: str, drawn: random.Random) -> dict[str, bytes]:
    """Other bytes of one file, mostly as many as the right ones."""
    repository = drawn.choice([name, f"{name}-qrels", model_of(name)])
    files = hub.commits[repository][hub.heads[repository]]
    file = drawn.choice(sorted(files))
    content = bytearray(files[file])
    if drawn.random() < 0.3:
        return {file: bytes(content[: drawn.randrange(len(content))])}
    for _ in range(drawn.randint(1, 20)):
        content[drawn.randrange(len(content))] = drawn.randrange(256)
    return {file: bytes(content)}


def misbehave(hub: FakeHub, pushed: Pushed, drawn: random.Random) -> str:
    """Let the hub misbehave in a way that is drawn; return what it does."""
    how, where = drawn.choice(HOW), drawn.choice(WHERE)
    hub.faults_left = drawn.choice([1, 2, 5, None])
    if how == "lies":
        hub.lies = lie_about(hub, pushed.name, drawn)
        return f"lies about {list(hub.lies)}, {hub.faults_left} times"
    if how == "moves":
        left = drawn.randint(0, 20)

        def move(path: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                pushed.push()

        hub.before_answer = move
        return f"moves on after {left} requests"
    setattr(hub, how, where)
    return f"{how} at {where}, {hub.faults_left} times"


def behave(hub: FakeHub) -> None:
    """Let the hub answer as it should."""
    hub.hangs = hub.stops = hub.cuts = hub.trickles = hub.fails = "\0"
    hub.lies, hub.faults_left, hub.before_answer = {}, None, lambda path: None


def of_training(files: dict[str, bytes]) -> dict[str, bytes]:
    """The training files."""
    return {name: content for name, content in files.items() if name.startswith("training_set/")}


def vectors(dataset: Path, stage: StageFile) -> np.ndarray:
    """All vectors of a stage."""
    return np.concatenate(list(VectorTable(store_of(dataset).file(stage)).blocks()))


def test_a_hub_that_does_not_behave(
    tmp_path: Path, server_with_hub: RefreshServer, hub: FakeHub, models: list[Path]
) -> None:
    server, number = server_with_hub, 0

    def bad_hub(drawn: random.Random, folder: Path) -> None:
        nonlocal number
        number += 1
        name = f"me/animals{number}"
        dataset = folder / "disturbed"
        pushed = Pushed(hub, name, dataset, models, drawn)
        server.refresh(dataset, hub=name)
        before = published(dataset)
        for _ in range(drawn.randint(1, 2)):
            if drawn.random() < 0.8:
                pushed.push()
            if drawn.random() < 0.6:
                remove_tree(dataset / "cache")  # so that every file is asked for
            what, started = misbehave(hub, pushed, drawn), time.monotonic()
            code, error = server.wait(server.start(dataset, hub=name))
            behave(hub)
            took = time.monotonic() - started
            last = error.splitlines()[-1] if error else "no error"
            print(f"\nround {number}: the hub {what}: {took:.0f} s, {last[:150]}", end="")
            assert code == 0 or re.search(NAMED, last), f"{what}: {error}"
            assert took < LAST_WAIT, what
            after = published(dataset)
            assert of_training(after), "every file is whole"
            assert code == 0 or of_training(after) == of_training(before), what
            before = after
        server.refresh(dataset, hub=name)
        found = published(dataset)
        assert found == undisturbed(folder / "undisturbed", dataset, server, hub=name)
        # of another model they would be other vectors, which the undisturbed dataset has taken over
        server.refresh(folder / "anew", hub=name)
        for stage in (CORPUS_EMBEDDINGS, QUERY_EMBEDDINGS):
            ours, anew = (vectors(place, stage) for place in (dataset, folder / "anew"))
            assert_vectors_differ_by_rounding_only(ours, anew)
        assert not unfinished(dataset)

    run_rounds(bad_hub, tmp_path, rounds=3)
