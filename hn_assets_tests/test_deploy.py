"""What `deploy/` holds fits the project; that it works with PostgreSQL is tested in `test_week`."""

import importlib.util
import re
from importlib import import_module
from typing import Any

import dagster as dg
import yaml
from dagster._config import process_config
from dagster_ray import RayResource

from hn_assets.orchestration.ray_resource import RAY_KEY
from hn_assets_tests.test_component import ROOT

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
    assert deployment["codeServerArgs"] == ["-m", "hn_assets"]
    (location,) = read("workspace.yaml")["load_from"]
    assert deployment["port"] == location["grpc_server"]["port"]
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"


def test_the_user_can_write_where_volumes_lie_and_nowhere_else() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    (owned,) = re.findall(r"chown dagster ((?:/\S+ ?)+)", text)
    compose = read("docker-compose.yaml")
    for name in ("code", "webserver", "daemon"):
        service = compose["services"][name]
        mounted = [volume.split(":")[1] for volume in service["volumes"]]
        assert set(mounted) <= set(owned.split()), "a volume takes its folder's owner"
        assert service["cap_drop"] == ["ALL"]
        assert service["environment"]["HN_WORK_DIR"] in mounted
        assert "AWS_SECRET_ACCESS_KEY" in service["environment"]
    used = {volume.split(":")[0] for s in compose["services"].values() for volume in s["volumes"]}
    assert set(compose["volumes"]) == used
    assert "/app" not in owned, "the code is not the user's to change"
    for stage in text.split("\nFROM base ")[1:]:
        assert stage.rstrip().endswith("USER dagster")


def test_every_service_says_whether_it_works() -> None:
    services = read("docker-compose.yaml")["services"]
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        for condition in service.get("depends_on", {}).values():
            assert condition == {"condition": "service_healthy"}, name


def test_images_are_named_by_exact_versions() -> None:
    images = re.findall(r"^FROM (\S+:\S+)", (DEPLOY / "Dockerfile").read_text(), re.M)
    images += [s["image"] for s in read("docker-compose.yaml")["services"].values()]
    for image in images:
        if not image.startswith("hn_assets:"):  # built here, from this checkout
            assert re.search(r":\d+\.\d+", image), image
    values = read("helm-values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert re.match(r"\d+\.\d+\.\d+-", deployment["image"]["tag"])


def test_no_password_of_the_chart_is_used() -> None:
    values = read("helm-values.yaml")
    assert values["generatePostgresqlPasswordSecret"] is False
    secret = values["global"]["postgresqlSecretName"]
    assert values["postgresql"]["existingSecret"] == secret
    assert f"secret generic {secret}" in (DEPLOY / "helm-values.yaml").read_text()


def test_a_cluster_of_ray_has_the_pinned_version_a_token_and_the_image_of_the_runs() -> None:
    cluster = read("ray-cluster.yaml")
    spec, constraints = cluster["spec"], (ROOT / "constraints.txt").read_text()
    assert f"\nray=={spec['rayVersion']}\n" in constraints
    assert spec["authOptions"] == {"mode": "token"}
    (deployment,) = read("helm-values.yaml")["dagster-user-deployments"]["deployments"]
    image = ":".join(deployment["image"][part] for part in ("repository", "tag"))
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    used = [c["image"] for group in groups for c in group["template"]["spec"]["containers"]]
    assert set(used) == {image}
    assert spec["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    text = (DEPLOY / "ray-cluster.yaml").read_text()
    address = re.findall(r'address: "(ray://[^"]+)"', text)
    assert address == [f"ray://{cluster['metadata']['name']}-head-svc:10001"]


def test_runs_can_be_launched_as_jobs_of_ray() -> None:
    launcher = read("ray-run-launcher.yaml")["run_launcher"]
    made: Any = getattr(import_module(launcher["module"]), launcher["class"])
    checked = process_config(made.config_type(), launcher["config"])
    assert checked.success, checked.errors
    assert made.from_config_value(None, checked.value).num_cpus == 1


def test_a_step_can_have_a_cluster_of_its_own() -> None:
    spec = importlib.util.spec_from_file_location("ray_resource", DEPLOY / "ray_resource.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    resource = module.defs.resources[RAY_KEY]
    assert isinstance(resource, RayResource)
    job = resource.ray_job.to_k8s(dg.build_init_resource_context())["spec"]
    assert job["submissionMode"] == "InteractiveMode"
    assert (job["activeDeadlineSeconds"], job["ttlSecondsAfterFinished"]) == (86_400, 300)
    cluster, kept = job["rayClusterSpec"], read("ray-cluster.yaml")["spec"]
    assert cluster["rayVersion"] == kept["rayVersion"]
    for group, other in zip(
        [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]],
        [kept["headGroupSpec"], *kept["workerGroupSpecs"]],
        strict=True,
    ):
        (container,), (same,) = (g["template"]["spec"]["containers"] for g in (group, other))
        assert container["image"] == same["image"]
        assert container["resources"]["limits"].keys() == same["resources"]["limits"].keys()


def test_a_killed_run_frees_its_place_in_the_pool() -> None:
    for path in (DEPLOY / "dagster.yaml", ROOT / "dagster_home" / "dagster.yaml"):
        monitoring = yaml.safe_load(path.read_text())["run_monitoring"]
        assert monitoring["enabled"]
        assert monitoring["free_slots_after_run_end_seconds"] > 0, path
