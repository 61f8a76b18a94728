"""Servers that a test starts for itself, on loopback, and ends."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hn_assets_tests.test_component import ROOT


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def postgres_server() -> Iterator[int]:
    """The port of a PostgreSQL server of its own, with an empty database `dagster`."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), shutil.which("initdb")]
    if found[0] is None:
        pytest.skip("PostgreSQL is not on this machine")
    programs = Path(found[0]).parent
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        # not on the PATH of everybody who may run it
        runuser = shutil.which("runuser", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if runuser is None:
            pytest.skip("there is no runuser to run PostgreSQL as its own user")
        as_user = [runuser, "-u", "postgres", "--"]
        if subprocess.run([*as_user, "true"], capture_output=True).returncode:
            pytest.skip("there is no user `postgres` to run PostgreSQL as")
    port = free_port()
    place = Path("/tmp") / f"hn_assets_postgres_{os.getpid()}_{port}"  # others may enter /tmp

    def call(program: str, *arguments: str) -> None:
        # no pipes: the server would keep them open
        subprocess.run(
            [*as_user, str(programs / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    try:
        call("initdb", "-D", str(place), "-A", "trust", "-U", "dagster")
        options = f"-p {port} -k {place} -h 127.0.0.1"
        call("pg_ctl", "-D", str(place), "-o", options, "-l", f"{place}/log", "-w", "start")
        try:
            call("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "dagster", "dagster")
            yield port
        finally:
            call("pg_ctl", "-D", str(place), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def production_home(folder: Path, postgres: int) -> dict[str, str]:
    """A DAGSTER_HOME with the settings of `deploy/`; what they want in the environment."""
    folder.mkdir()
    settings = (ROOT / "deploy" / "dagster.yaml").read_text()
    assert "port: 5432" in settings
    (folder / "dagster.yaml").write_text(settings.replace("port: 5432", f"port: {postgres}"))
    return {
        "DAGSTER_HOME": str(folder),
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_USERNAME": "dagster",
        "DAGSTER_PG_PASSWORD": "-",
        "DAGSTER_PG_DB": "dagster",
    }
