"""A hub of datasets and models on loopback, which can also hang, trickle, lie and move on."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import unquote, urlsplit

import pytest

from hn_assets_tests.fake_hub_uploads import UploadHandler


class FakeHub:
    """The repositories of a hub, and how it misbehaves.

    Attributes:
        url: Where it listens.
        commits: The files by name, by commit, by the name of the repository.
        heads: The commit of the default branch, by the name of the repository.
        hangs: A part of the paths of requests that are never answered.
        trickles: A part of the paths whose answer comes byte by byte.
        stops: A part of the paths of which half is sent, and then nothing more.
        cuts: A part of the paths of which half is sent before the connection is closed.
        fails: A part of the paths that are answered with status 503.
        lies: What is sent in place of a file's bytes, by the file's name.
        faults_left: How many answers of these kinds there will be; None for any number.
        asked: The methods and paths of all requests.
        token: What a request that writes must carry.
        uploads: The large files that were uploaded, by their SHA-256.
        visibilities: How each repository was to be created, by its name.
        before_answer: What is called with every request's path before it is answered.
    """

    def __init__(self) -> None:
        self.url = ""
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.heads: dict[str, str] = {}
        self.hangs = self.trickles = self.stops = self.cuts = self.fails = "\0"
        self.lies: dict[str, bytes] = {}
        self.faults_left: int | None = None
        self.asked: list[str] = []
        self.token = "hf_a_token_that_writes"
        self.uploads: dict[str, bytes] = {}
        self.visibilities: dict[str, object] = {}
        self.before_answer: Callable[[str], object] = lambda path: None
        self.closed = Event()

    def has_fault(self, is_fault: bool) -> bool:
        """Whether an answer is to be of a bad kind, which counts as one of those left."""
        if not is_fault or self.faults_left == 0:
            return False
        if self.faults_left is not None:
            self.faults_left -= 1
        return True

    def is_large(self, file: str) -> bool:
        """Whether a file is kept outside Git."""
        return _is_lfs(file)

    def files(self, name: str) -> dict[str, bytes]:
        """The files of the newest commit of a repository."""
        return self.commits[name][self.heads[name]]

    def commit(self, name: str, folder: Path | dict[str, bytes]) -> str:
        """Publish files as the newest commit of a repository."""
        if isinstance(folder, Path):
            paths = sorted(path for path in folder.rglob("*") if path.is_file())
            folder = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        named = [f"{path}\0".encode() + content for path, content in sorted(folder.items())]
        commit = hashlib.sha1(b"".join([name.encode(), *named])).hexdigest()
        self.commits.setdefault(name, {})[commit] = dict(folder)
        self.heads[name] = commit
        return commit


README = b"""---
configs:
- config_name: corpus
  data_files: corpus.jsonl
- config_name: queries
  data_files: queries.jsonl
---
"""


def push_beir(hub: FakeHub, name: str, folder: Path) -> None:
    """Publish a folder in BEIR layout as a dataset, and as another one with its qrels."""
    texts = {f"{table}.jsonl": (folder / f"{table}.jsonl") for table in ("corpus", "queries")}
    hub.commit(name, {"README.md": README, **{k: path.read_bytes() for k, path in texts.items()}})
    hub.commit(f"{name}-qrels", folder / "qrels")


def _is_lfs(file: str) -> bool:
    return file.endswith((".parquet", ".gz", ".safetensors"))


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _etag(file: str, content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if _is_lfs(file) else _blob_id(content)


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(UploadHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:  # noqa: N802
            self.do_GET()

        def do_GET(self) -> None:  # noqa: N802
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            hub.before_answer(path)
            if hub.has_fault(hub.fails in path):
                self.send(503, b"", {})
                return
            if hub.has_fault(hub.hangs in path):
                hub.closed.wait(60)
                self.close_connection = True
                return
            parts = path.strip("/").split("/")
            if parts[0] == "api":
                self.answer_info("/".join(parts[2:4]), parts[5] if len(parts) > 5 else None)
                return
            parts = parts[1:] if parts[0] == "datasets" else parts
            self.answer_file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

        def answer_info(self, name: str, revision: str | None) -> None:
            commit = self.commit_of(name, revision)
            if commit is None:
                self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
                return
            siblings = [
                {"rfilename": file, "blobId": _blob_id(content), "size": len(content)}
                | (
                    {
                        "lfs": {
                            "sha256": hashlib.sha256(content).hexdigest(),
                            "size": len(content),
                            "pointerSize": 100,
                        }
                    }
                    if _is_lfs(file)
                    else {}
                )
                for file, content in hub.commits[name][commit].items()
            ]
            body = {"id": name, "sha": commit, "siblings": siblings, "tags": [], "private": False}
            self.send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

        def answer_file(self, name: str, revision: str, file: str) -> None:
            commit = self.commit_of(name, revision)
            files = hub.commits[name][commit] if commit else {}
            if commit is None or file not in files:
                self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            etag = f'"{_etag(file, files[file])}"'
            headers = {"X-Repo-Commit": commit, "ETag": etag}
            is_lie = hub.has_fault(file in hub.lies and self.command == "GET")
            self.send(200, hub.lies[file] if is_lie else files[file], headers)

        def commit_of(self, name: str, revision: str | None) -> str | None:
            if revision in (None, "main"):
                return hub.heads.get(name)
            return revision if revision in hub.commits.get(name, {}) else None

        def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if hub.has_fault(hub.cuts in self.path):
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            if hub.has_fault(hub.stops in self.path):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                hub.closed.wait(60)
                self.close_connection = True
                return
            if hub.has_fault(hub.trickles in self.path):
                for place in range(len(body)):
                    self.wfile.write(body[place : place + 1])
                    self.wfile.flush()
                    if hub.closed.wait(0.2):
                        return
                return
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    Handler.hub = hub
    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that lose patience close their connections."""


@contextmanager
def listening_hub() -> Iterator[FakeHub]:
    """A hub at a port of its own, which nobody asks by itself."""
    hub = FakeHub()
    server = _Server(("127.0.0.1", 0), _handler(hub))
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        hub.closed.set()
        server.shutdown()
        server.server_close()


@contextmanager
def fake_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that this process asks from now on, with an empty cache in `folder`."""
    from huggingface_hub import constants

    with listening_hub() as hub:
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        # uploads to Xet, which is no part of the hub, are not imitated
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub
