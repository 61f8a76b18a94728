"""A server on loopback that speaks S3, decides conditions in one step, and can lose answers."""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Lock, Thread
from typing import Any

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}
BUCKET = "assets"


class S3Server:
    """The server while it runs.

    Attributes:
        environment: The environment variables by which clients find it.
        url: The URL of an empty bucket.
        loses_answer: Whether the answer to a request is lost after the request was carried out,
            as told by its method and path.
        conditions: Whether conditions are "kept", "ignored" or "refused": servers that speak S3
            differ in that.
        requests: The method and path of every request.
    """

    def __init__(self) -> None:
        # here, as every worker of a run imports this module, and few start a server
        import boto3
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class QuietHandler(MotoRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:
                pass

        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self._lock = Lock()
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=QuietHandler
        )
        address = f"http://127.0.0.1:{self._server.server_port}"
        self.environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": address}
        self.url = f"s3://{BUCKET}"
        self.loses_answer: Callable[[str, str], bool] = lambda method, path: False
        self.conditions = "kept"
        self.requests: list[tuple[str, str]] = []
        Thread(target=self._server.serve_forever, daemon=True).start()
        client = boto3.client("s3", endpoint_url=address, **_of_boto3(CREDENTIALS))
        client.create_bucket(Bucket=BUCKET)

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path))
        if self.conditions == "ignored":
            environ.pop("HTTP_IF_MATCH", None)
            environ.pop("HTTP_IF_NONE_MATCH", None)
        elif self.conditions == "refused" and {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"} & {*environ}:
            start_response("501 Not Implemented", [("Content-Type", "application/xml")])
            return [b"<Error><Code>NotImplemented</Code><Message>no conditions</Message></Error>"]
        # read before anybody else has to wait, since who sends it may be stopped in the midst
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        with self._lock:  # moto looks at a condition and writes in two steps
            answer = list(self._app(environ, start_response))
        if self.loses_answer(method, path):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return answer


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server that this process and those it starts use until the block ends."""
    server = S3Server()
    before = {name: os.environ.get(name) for name in server.environment}
    os.environ.update(server.environment)
    try:
        yield server
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        server.stop()


def _of_boto3(credentials: dict[str, str]) -> dict[str, str]:
    return {
        "aws_access_key_id": credentials["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": credentials["AWS_SECRET_ACCESS_KEY"],
        "region_name": credentials["AWS_DEFAULT_REGION"],
    }
