"""A webhook on loopback that answers as a test wants, and keeps what it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "T0PSECRET"
TRICKLE = -1  # instead of a status: one byte of an answer at a time, without an end


@dataclass
class Webhook:
    """What a webhook is and has got.

    Attributes:
        url: Its address, which holds `SECRET` as those of chat services do.
        answers: The statuses of the next answers; afterwards it answers 200.
        got: The bodies of the requests, in their order.
        taken: Those that were answered with 200.
    """

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[dict] = field(default_factory=list)
    taken: list[dict] = field(default_factory=list)


@contextmanager
def webhook(*answers: int, port: int = 0) -> Iterator[Webhook]:
    """A webhook that gives these answers one after the other, and 200 from then on."""
    hook = Webhook(answers=list(answers))
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.got.append(body)
            status = hook.answers.pop(0) if hook.answers else 200
            if status == TRICKLE:
                self._trickle()
                return
            if status == 200:
                hook.taken.append(body)
            self.send_response(status)
            if status in (429, 503):
                self.send_header("Retry-After", "90")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _trickle(self) -> None:
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1_000:
                if closing.wait(0.05):
                    return
                try:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                except OSError:
                    return  # the other side has had enough

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        hook.url = f"http://127.0.0.1:{server.server_port}/hook/{SECRET}"
        yield hook
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
