"""Whatever a hub sends, or a dataset of it says: its rows, or one error of ours, and no hang."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hn_assets.errors import HardNegativesError, HubError
from hn_assets.sources.kinds.beir import BeirFolder
from hn_assets.sources.kinds.hub import HubSettings
from hn_assets_tests.any_bytes import damaged, jsonl, objects
from hn_assets_tests.collections_on_disk import write_beir
from hn_assets_tests.fake_hub import fake_hub
from hn_assets_tests.sources.kinds.test_hub import hub_layout


def rows_or_none(read: Callable[[], Iterable[Any]]) -> list[Any] | None:
    """The records without their places, or None if there is an error of ours, on one line."""
    try:
        return [record[:-1] for record in read()]
    except HardNegativesError as error:
        assert "\n" not in str(error) and len(str(error)) < 1500, str(error)
        return None


def test_a_readme_cannot_name_files_outside(tmp_path: Path) -> None:
    readme = hub_layout(tmp_path) / "toy" / "README.md"
    content = readme.read_text()
    (tmp_path / "secret.jsonl").write_text('{"_id": "1", "text": "secret"}\n')
    for name in ("../secret.jsonl", str(tmp_path / "secret.jsonl"), "../*.jsonl"):
        readme.write_text(content.replace("path: corpus.jsonl", f"path: {name}"))
        with pytest.raises(HubError, match="toy is not in the layout"):
            list(HubSettings(type="hub", dataset="toy").open(tmp_path).documents())


@given(damaged(jsonl(objects("_id", "text"))), st.sampled_from(["tells", "lies", "hangs", "stops"]))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=min(10, settings().max_examples),
)
def test_whatever_the_hub_does(tmp_path_factory: Any, corpus: bytes, how: str) -> None:
    folder = tmp_path_factory.mktemp("hub")
    hub_layout(folder / "pushed")
    beir = BeirFolder(write_beir(folder / "beir", {}, {}, {}))
    (folder / "beir" / "corpus.jsonl").write_bytes(corpus)
    (folder / "pushed" / "toy" / "corpus.jsonl").write_bytes(corpus)
    with (
        pytest.MonkeyPatch.context() as patch,
        fake_hub(folder / "cache", patch) as hub,
    ):
        patch.setattr("hn_assets.hub.STALL_SECONDS", 0.3)
        hub.commit("me/toy", folder / "pushed" / "toy")
        hub.commit("me/toy-qrels", folder / "pushed" / "toy-qrels")
        if how == "lies":
            hub.lies["corpus.jsonl"] = corpus + b"\n"
        elif how != "tells":
            setattr(hub, how, "corpus.jsonl")
        source = HubSettings(type="hub", dataset="me/toy").open(folder)
        found = rows_or_none(source.documents)
        # of a file without bytes nothing is missing when the hub stops, and it is not asked for
        if how == "tells" or (how in ("stops", "lies") and not corpus):
            assert found == rows_or_none(beir.documents)
        else:
            assert found is None
