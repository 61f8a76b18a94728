"""A server on loopback that speaks OpenAI's protocol, and can be slow, full, rude or broken."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-T0PSECRETJUDGEKEY"
Reply = tuple[int, dict[str, str], dict[str, Any]]


def completion(content: str | None, *, refusal: str | None = None, finish: str = "stop") -> Reply:
    """A regular answer."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
    }
    return 200, {}, body


def verdict(word: str, reason: str = "because") -> Reply:
    """A regular answer with a verdict."""
    return completion(json.dumps({"reason": reason, "verdict": word}))


def error(status: int, code: str, message: str = "no", **headers: str) -> Reply:
    """An answer that is an error."""
    return status, headers, {"error": {"message": message, "code": code, "type": "t"}}


class ChatServer:
    """What a server was asked, and what it answers.

    Attributes:
        url: Where it is.
        asked: The prompts, in the order in which they came.
        answered: How often each `Idempotency-Key` was answered with a completion.
        keys: The API keys that came along.
        reply: Says what is answered, by the number of the request (from 0) and the prompt.
        seconds: How long an answer takes.
    """

    def __init__(self, url: str, reply: Callable[[int, str], Reply], seconds: float) -> None:
        self.url, self.reply, self.seconds = url, reply, seconds
        self.asked: list[str] = []
        self.formats: list[Any] = []
        self.answered: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.lock = threading.Lock()


@contextmanager
def chat_server(
    reply: Callable[[int, str], Reply] = lambda number, prompt: verdict("not relevant"),
    seconds: float = 0.0,
) -> Iterator[ChatServer]:
    """Start a server of its own, and end it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = body["messages"][-1]["content"]
            with state.lock:
                number = len(state.asked)
                state.asked.append(prompt)
                state.formats.append(body.get("response_format"))
                state.keys.add(self.headers["Authorization"].removeprefix("Bearer "))
            time.sleep(state.seconds)
            status, headers, answer = state.reply(number, prompt)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(data)
            if status == 200:
                with state.lock:
                    state.answered[self.headers["Idempotency-Key"]] += 1

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

        def handle(self) -> None:
            # a client may be killed
            with suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = ChatServer(f"http://127.0.0.1:{server.server_port}/v1", reply, seconds)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
