"""What `deploy/` holds fits the project, and its settings work with a real PostgreSQL."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hn_assets_tests.data import animals
from hn_assets_tests.test_component import MINIMAL, ROOT, dagster, make_project, run

DEPLOY = ROOT / "deploy"


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def test_the_image_copies_what_is_there_and_installs_extras_that_exist() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [part for line in re.findall(r"^COPY (.*)", text, re.M) for part in line.split()[:-1]]
    assert len(copied) > 5
    assert [name for name in copied if not (ROOT / name).exists()] == []
    extras = set(re.findall(r"\[([a-z0-9,]+)\]'", text))
    declared = (ROOT / "pyproject.toml").read_text()
    for extra in {name for group in extras for name in group.split(",")}:
        assert f"\n{extra} = [" in declared, extra


def test_compose_starts_what_the_readme_says_on_loopback_only() -> None:
    services = read("docker-compose.yaml")["services"]
    assert set(services) == {"postgres", "code", "webserver", "daemon"}
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    used = set(re.findall(r"env: (\w+)", (DEPLOY / "dagster.yaml").read_text()))
    used |= set(re.findall(r"env: (\w+)", (DEPLOY / "workspace.yaml").read_text()))
    for name in ("code", "webserver", "daemon"):
        assert used <= set(services[name]["environment"]), name
    (location,) = read("workspace.yaml")["load_from"]
    assert f"-p {location['grpc_server']['port']} " in services["code"]["command"]


def test_helm_values_name_the_same_module_and_port() -> None:
    values = read("helm-values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert deployment["codeServerArgs"] == ["-m", "hn_assets.definitions"]
    (location,) = read("workspace.yaml")["load_from"]
    assert deployment["port"] == location["grpc_server"]["port"]
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[int]:
    """The port of a PostgreSQL server of its own, with an empty database `dagster`."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), shutil.which("initdb")]
    if found[0] is None:
        pytest.skip("PostgreSQL is not on this machine")
    programs = Path(found[0]).parent
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_user = ["runuser", "-u", "postgres", "--"]
        if subprocess.run([*as_user, "true"], capture_output=True).returncode:
            pytest.skip("there is no user `postgres` to run PostgreSQL as")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = Path("/tmp") / f"hn_assets_postgres_{os.getpid()}"  # others may not enter tmp_path

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


def test_runs_are_kept_in_postgresql(tmp_path: Path, postgres: int) -> None:
    project = make_project(tmp_path / "project", MINIMAL)
    animals(project / "raw")
    home = tmp_path / "home"
    home.mkdir()
    settings = (DEPLOY / "dagster.yaml").read_text()
    assert "port: 5432" in settings
    (home / "dagster.yaml").write_text(settings.replace("port: 5432", f"port: {postgres}"))
    environment = {
        "DAGSTER_HOME": str(home),
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_USERNAME": "dagster",
        "DAGSTER_PG_PASSWORD": "-",
        "DAGSTER_PG_DB": "dagster",
        "PYTHONPATH": str(project),
    }
    arguments = (
        "asset",
        "materialize",
        "-m",
        "their_project.definitions",
        "--select",
        "mine/corpus",
    )
    done = dagster(*arguments, cwd=project, **environment)
    assert done.returncode == 0, done.stderr[-2000:]
    code = (
        "from dagster import AssetKey, DagsterInstance\n"
        "i = DagsterInstance.get()\n"
        "print(type(i.run_storage).__name__, [r.status.value for r in i.get_runs()])\n"
        "print(i.get_latest_materialization_event(AssetKey(['mine', 'corpus'])) is not None)\n"
    )
    told = run(sys.executable, "-c", code, cwd=project, **environment)
    assert told.stdout.split("\n")[:2] == ["PostgresRunStorage ['SUCCESS']", "True"], told.stderr
