"""What a fake hub answers to those who push: repositories, uploads and commits."""

from __future__ import annotations

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import yaml

if TYPE_CHECKING:
    from hn_assets_tests.fake_hub import FakeHub

JSON = {"Content-Type": "application/json"}


class UploadHandler(BaseHTTPRequestHandler):
    """The requests that write; who may is decided by `FakeHub.token`."""

    hub: FakeHub

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send an answer."""
        raise NotImplementedError

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.hub.asked.append(f"PUT {self.path}")
        self.hub.uploads[hashlib.sha256(content).hexdigest()] = content
        self.send(200, b"", {})

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.asked.append(f"POST {path}")
        self.hub.before_answer(path)
        if self.hub.has_fault(self.hub.fails in path):
            self.send(503, b"", {})
            return
        if self.hub.has_fault(self.hub.hangs in path):
            self.hub.closed.wait(60)
            self.close_connection = True
            return
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.send(403, b'{"error": "this token may only read"}', JSON)
            return
        if path.endswith("/repos/create"):
            self._create(json.loads(body))
        elif path.endswith("/validate-yaml"):
            self._validate(json.loads(body)["content"])
        elif "/preupload/" in path:
            self._say_how(json.loads(body)["files"])
        elif path.endswith("/info/lfs/objects/batch"):
            self._take_large(json.loads(body)["objects"])
        else:
            self._commit(path, [json.loads(line) for line in body.splitlines()])

    def _answer(self, found: Any, status: int = 200) -> None:
        self.send(status, json.dumps(found).encode(), JSON)

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        self.hub.visibilities[name] = wanted.get("visibility") or wanted.get("private")
        self.hub.commit(name, {".gitattributes": b"*.safetensors filter=lfs\n"})
        self._answer({"url": f"{self.hub.url}/{name}", "id": name})

    def _validate(self, card: str) -> None:
        try:
            head = yaml.safe_load(card.split("---\n")[1])
            assert isinstance(head, dict)
        except (yaml.YAMLError, IndexError, AssertionError) as error:
            self._answer({"errors": [{"message": str(error)}]}, 400)
        else:
            self._answer({"errors": [], "warnings": []})

    def _say_how(self, files: list[dict[str, Any]]) -> None:
        answers = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if self.hub.is_large(file["path"]) else "regular",
                "shouldIgnore": False,
            }
            for file in files
        ]
        self._answer({"files": answers})

    def _take_large(self, objects: list[dict[str, Any]]) -> None:
        upload = [
            {
                **one,
                "actions": {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}", "header": {}}},
            }
            for one in objects
        ]
        self._answer({"objects": upload, "transfer": "basic"})

    def _commit(self, path: str, lines: list[dict[str, Any]]) -> None:
        name = "/".join(path.split("/")[3:5])
        head, *changes = lines
        parent = self.hub.heads[name]
        if head["value"].get("parentCommit", parent) != parent:
            self._answer(
                {"error": "A commit has happened since. Please refresh and try again"}, 412
            )
            return
        files = dict(self.hub.commits[name][self.hub.heads[name]])
        for change in changes:
            value = change["value"]
            if change["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif change["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
            else:
                del files[value["path"]]
        commit = self.hub.commit(name, files)
        self._answer({"commitUrl": f"{self.hub.url}/{name}/commit/{commit}", "commitOid": commit})
