"""docker-compose.yml, the Dockerfile and what they mount: against published schemas, and our own rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import pytest

from dashboards.alerting import CASEWORK_JOB, CONSOLE_JOB, NOTIFY_JOB
from dashboards.sql_kit import KIND as SQL_KIND
from notices.routing.reading import read_routing
from tests.deploy.documents import ROOT, compose, documents, services
from tests.house.test_house import PACKAGES
from tests.parts import command, require
from tillwatch.settings import Settings

SERVICES = services()
OURS = {name for name, each in SERVICES.items() if each["image"].startswith("tillwatch:")}
ONCE = {"secrets", "topics", "simulator", "casework-tables", "casework-views"}
FILERS = ("casework", "console")
"""Agent and console: what has the store, the log and the attached files."""
KUBERNETES = "deploy/kubernetes/tillwatch.yml"
PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(@sha256:[0-9a-f]{64})?")


def compose_schema() -> dict[str, Any]:
    """The Compose Specification's schema, as the package check-jsonschema vendors it."""
    place = "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    return json.loads(Path(str(distribution("check-jsonschema").locate_file(place))).read_text(encoding="utf-8"))


def faults(file: dict[str, Any]) -> list[str]:
    """What of a compose file does not fit the published schema."""
    # Imported here: it takes seconds, which every collection of tests would wait for.
    from jsonschema import Draft7Validator  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415

    schema = compose_schema()
    checked = validator_for(schema, Draft7Validator)(schema)
    return [f"{each.json_path}: {each.message}" for each in checked.iter_errors(file)]


def test_the_compose_file_fits_the_published_schema() -> None:
    assert faults(compose()) == []


def test_the_schema_refuses_what_is_wrong() -> None:
    broken = compose()
    broken["services"]["kafka"]["read_onyl"] = True
    assert any("read_onyl" in each for each in faults(broken))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0 or name == "grafana"  # whose image gives its files to group 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode"} & set(service)
    assert {"mem_limit", "pids_limit", "restart", "networks"} <= set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_published_beyond_this_machine(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert port.startswith("127.0.0.1:")
        assert "published" in SERVICES[name]["networks"]  # an internal network publishes nothing


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_an_exact_version(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_what_runs_on_has_a_health_check_and_starts_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_the_broker_is_the_version_that_is_tested_with() -> None:
    pom = ET.parse(ROOT / "tests/kafka/pom.xml")
    (found,) = {each.text for each in pom.iter() if each.tag.endswith("kafka.version")}
    assert SERVICES["kafka"]["image"].split("@")[0] == f"apache/kafka:{found}"


def test_our_image_is_named_by_our_version() -> None:
    assert {SERVICES[name]["image"] for name in OURS} == {f"tillwatch:{version('tillwatch')}"}


def test_what_is_mounted_from_the_tree_is_there_and_cannot_be_changed() -> None:
    mounts = [each for service in SERVICES.values() for each in service.get("volumes", ()) if each.startswith("./")]
    assert len(mounts) >= 6
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert (ROOT / source).exists(), source
        assert mode == "ro"


def test_every_volume_is_declared_and_a_secret_is_mounted_for_reading_only() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source, _, rest = mount.partition(":")
            if source.startswith("./"):
                continue
            assert source in compose()["volumes"]
            assert not source.startswith("secrets-") or name == "secrets" or rest.endswith(":ro")


def test_no_service_sees_a_secret_that_it_does_not_need() -> None:
    seen = {
        name: {each.partition(":")[0] for each in service.get("volumes", ()) if each.startswith("secrets-")}
        for name, service in SERVICES.items()
        if name != "secrets"
    }
    of_casework = {
        "casework-tables": {"secrets-casework"}, "casework": {"secrets-casework", "secrets-tillwatch"},
        "console": {"secrets-casework", "secrets-console", "secrets-tillwatch"},
        "notify": {"secrets-casework", "secrets-tillwatch"},
    }  # fmt: skip
    for name in OURS - {"secrets"}:
        assert seen[name] == of_casework.get(name, {"secrets-tillwatch"})
    assert {name: seen[name] for name in set(seen) - OURS} == {
        "kafka": {"secrets-kafka"}, "prometheus": {"secrets-prometheus"}, "alertmanager": set(),
        "grafana": {"secrets-grafana"}, "postgres": {"secrets-postgres"}, "casework-views": {"secrets-casework"},
    }  # fmt: skip


def test_a_secret_is_in_a_file_and_never_in_the_environment() -> None:
    pods = documents(KUBERNETES)
    environments = [each.get("environment", {}) for each in SERVICES.values()]
    environments += [each["data"] for each in pods if each["kind"] == "ConfigMap"]
    environments += [
        {pair["name"]: pair["value"] for pair in container.get("env", ())}
        for each in pods if "template" in each.get("spec", {})
        for container in each["spec"]["template"]["spec"]["containers"]
    ]  # fmt: skip
    secret = re.compile(r"PASSWORD|TOKEN|SECRET|KEY(?!_FILE)")
    found = [(name, value) for each in environments for name, value in each.items() if secret.search(name)]
    named = [(name, value) for name, value in found if not name.startswith("GF_SECURITY_COOKIE")]
    assert len(named) >= 5
    assert [each for each in named if not (each[0].endswith("_FILE") and each[1].startswith("/run/secrets/"))] == []


def test_the_dockerfile_passes_hadolint() -> None:
    tool = require(lambda: command("hadolint", "the developers' tools of requirements.lock"))
    done = subprocess.run([tool, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_gets_every_package_and_neither_tests_nor_history() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    assert set(PACKAGES) <= let_in
    assert not {"tests", ".git", "bench", "var", "docs"} & let_in
    assert all((ROOT / each).exists() for each in let_in - {"dashboards"})
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes" in dockerfile
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE) == ["10001:10001"]


@pytest.mark.monitoring
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    promtool = require(lambda: command("promtool", "prometheus"))
    text = (ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8")
    for name in ("metrics-token", "console-ca.pem"):
        (tmp_path / name).write_text("x" * 32)
    text = text.replace("/run/secrets/prometheus", str(tmp_path))
    text = text.replace("/etc/prometheus/rules", str(ROOT / "dashboards/rules"))
    (tmp_path / "prometheus.yml").write_text(text)
    checked(promtool, "check", "config", str(tmp_path / "prometheus.yml"))


@pytest.mark.monitoring
def test_alertmanager_takes_its_configuration() -> None:
    amtool = require(lambda: command("amtool", "prometheus-alertmanager"))
    checked(amtool, "check-config", str(ROOT / "deploy/alertmanager/alertmanager.yml"))


def test_alerts_are_routed_as_the_dashboards_folder_has_it() -> None:
    (ours,), (generated,) = documents("deploy/alertmanager/alertmanager.yml"), documents("dashboards/alertmanager.yml")
    assert ours["route"] == generated["route"]
    assert ours["inhibit_rules"] == generated["inhibit_rules"]
    assert [each["name"] for each in ours["receivers"]] == [each["name"] for each in generated["receivers"]]


def test_prometheus_scrapes_every_worker_where_it_listens() -> None:
    (config,) = documents("deploy/prometheus/prometheus.yml")
    (job,) = [each for each in config["scrape_configs"] if each["job_name"] == "tillwatch"]
    workers = {name for name in SERVICES if name.startswith("worker")}
    ports = {SERVICES[name]["environment"]["TILLWATCH_HEALTH_PORT"] for name in workers}
    assert {*job["static_configs"][0]["targets"]} == {f"{name}:{port}" for name in workers for port in ports}


def test_prometheus_scrapes_casework_notices_and_console_under_the_jobs_that_rules_select() -> None:
    (config,) = documents("deploy/prometheus/prometheus.yml")
    jobs = {each["job_name"]: each for each in config["scrape_configs"]}
    (casework,), (notify,), (console,) = (
        jobs[each]["static_configs"][0]["targets"] for each in (CASEWORK_JOB, NOTIFY_JOB, CONSOLE_JOB)
    )
    assert notify == f"notify:{SERVICES['notify']['environment']['TILLWATCH_NOTICES_HEALTH_PORT']}"
    assert casework == f"casework:{SERVICES['casework']['environment']['TILLWATCH_CASEWORK_HEALTH_PORT']}"
    assert SERVICES["console"]["ports"] == [f"127.0.0.1:{console.partition(':')[2]}:8643"]
    assert jobs[CONSOLE_JOB]["scheme"] == "https"
    token = "/run/secrets/tillwatch/metrics-token"
    answering = ("casework", "notify", "console")
    assert {SERVICES[each]["environment"]["TILLWATCH_HEALTH_TOKEN_FILE"] for each in answering} == {token}


def test_the_console_reaches_the_log_as_the_agent_does() -> None:
    agent, console = SERVICES["casework"], SERVICES["console"]
    of_log = {name for name in agent["environment"] if name.startswith(("TILLWATCH_LOG_URL", "TILLWATCH_KAFKA_"))}
    assert len(of_log) > 3
    assert {agent["environment"][each] == console["environment"][each] for each in of_log} == {True}
    assert "kafka" in console["networks"]
    assert "topics" in console["depends_on"]
    given = [{each["configMapRef"]["name"] for each in container(name)["envFrom"]} for name in FILERS]
    assert given == [{"tillwatch", "tillwatch-casework"}] * 2
    policies = [each for each in documents(KUBERNETES) if each["kind"] == "NetworkPolicy"]
    for name in FILERS:
        (policy,) = [each for each in policies if each["metadata"]["name"] == f"tillwatch-{name}"]
        assert {each["port"] for each in policy["spec"]["egress"][0]["ports"]} == {9093, 5432}


def test_agent_and_console_see_the_same_attached_files() -> None:
    for name in FILERS:
        kept_in = SERVICES[name]["environment"]["TILLWATCH_CASEWORK_FILES"]
        volumes = dict(each.split(":", 1) for each in SERVICES[name]["volumes"])
        assert kept_in.startswith(f"{volumes['casework-files']}/")
        mounts = {each["name"]: each["mountPath"] for each in container(name)["volumeMounts"] if "readOnly" not in each}
        (settings,) = [each for each in documents(KUBERNETES) if each["metadata"]["name"] == "tillwatch-casework"
                       and each["kind"] == "ConfigMap"]  # fmt: skip
        assert settings["data"]["TILLWATCH_CASEWORK_FILES"].startswith(f"{mounts['files']}/")
        (files,) = [each for each in pod(name)["volumes"] if each["name"] == "files"]
        assert files["persistentVolumeClaim"] == {"claimName": "tillwatch-casework-files"}
        assert pod(name)["securityContext"]["fsGroup"] == pod(name)["securityContext"]["runAsGroup"]
    where = re.compile(r"^(?:User|WorkingDirectory|StateDirectory|UMask|ProtectSystem|ReadWritePaths)=.*", re.MULTILINE)
    agent, console = (
        where.findall((ROOT / f"deploy/systemd/tillwatch-{name}.service").read_text(encoding="utf-8"))
        for name in FILERS
    )
    assert agent == console
    assert {"WorkingDirectory=/var/lib/tillwatch", "StateDirectory=tillwatch"} <= {*agent}
    assert not Path(Settings().casework_files).is_absolute()


def pod(name: str) -> dict[str, Any]:
    """Of a Deployment of the example for Kubernetes."""
    (found,) = [
        each["spec"]["template"]["spec"] for each in documents(KUBERNETES)
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", f"tillwatch-{name}")
    ]  # fmt: skip
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = pod(name)["containers"]
    return found


def test_casework_starts_with_its_tables_and_the_tables_with_their_database() -> None:
    wanted = {name: {*SERVICES[name]["depends_on"]} for name in ("casework", "console", "casework-views")}
    assert all("casework-tables" in each for each in wanted.values())
    assert SERVICES["casework-tables"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["casework-views"]["image"] == SERVICES["postgres"]["image"]


def test_the_database_answers_nobody_but_casework_and_grafana() -> None:
    beside = {name for name, each in SERVICES.items() if "casework" in each["networks"]}
    assert beside == {"postgres", "casework", "casework-tables", "casework-views", "console", "notify", "grafana"}
    assert SERVICES["postgres"]["networks"] == ["casework"]
    assert compose()["networks"]["casework"] == {"internal": True}


def test_grafana_reads_casework_as_the_role_of_views_alone() -> None:
    (sources,) = documents("deploy/grafana/provisioning/datasources/tillwatch.yml")
    (source,) = [each for each in sources["datasources"] if each["type"] == SQL_KIND]
    assert source["user"] == "tillwatch_grafana"
    assert source["secureJsonData"] == {"password": "$__file{/run/secrets/grafana/casework-password}"}


def test_grafana_finds_its_data_its_dashboards_and_its_home() -> None:
    (sources,) = documents("deploy/grafana/provisioning/datasources/tillwatch.yml")
    assert {each["url"] for each in sources["datasources"]} == {
        "http://prometheus:9090", "http://alertmanager:9093", "postgres:5432",
    }  # fmt: skip
    assert [each["name"] for each in sources["datasources"] if each.get("isDefault")] == ["Prometheus"]
    (boards,) = documents("deploy/grafana/provisioning/dashboards/tillwatch.yml")
    mounts = dict(reversed(each.split(":")[:2]) for each in SERVICES["grafana"]["volumes"])
    for provider in boards["providers"]:
        assert {*(ROOT / mounts[provider["options"]["path"]]).glob("*.json")}
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    for language in ("en", "zh"):
        folder, _, name = home.replace("/en/", f"/{language}/").rpartition("/")
        assert (ROOT / mounts[folder] / name).is_file()


@pytest.mark.slow
def test_kubernetes_takes_the_example() -> None:
    tool = require(lambda: command("kubernetes-validate", "the developers' tools of requirements.lock"))
    done = checked(tool, "--strict", str(ROOT / KUBERNETES))
    assert done.count("passed") == 17


def test_the_pods_run_as_the_restricted_policy_wants() -> None:
    running = [each for each in documents(KUBERNETES) if "template" in each.get("spec", {})]
    pods = [each["spec"]["template"]["spec"] for each in running]
    assert [each["kind"] for each in running] == ["StatefulSet", *["Deployment"] * 4]
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in [*pod["containers"], *pod["initContainers"]]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
            assert set(each["resources"]) == {"requests", "limits"}
    (worker,) = pods[0]["containers"]
    asked = {name: worker[name]["exec"]["command"][-1] for name in ("livenessProbe", "readinessProbe", "startupProbe")}
    assert asked == {"livenessProbe": "live", "readinessProbe": "ready", "startupProbe": "live"}


@pytest.mark.parametrize("name", ["causes", "casework"])
def test_one_process_does_what_one_alone_may_do(name: str) -> None:
    (spec,) = [
        each["spec"] for each in documents(KUBERNETES)
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", f"tillwatch-{name}")
    ]  # fmt: skip
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    (container,) = spec["template"]["spec"]["containers"]
    assert container["args"] == SERVICES[name]["command"]
    assert container["livenessProbe"]["exec"]["command"] == SERVICES[name]["healthcheck"]["test"][1:]


def test_notices_are_sent_alike_everywhere_and_reach_their_channels() -> None:
    service = SERVICES["notify"]
    assert container("notify")["args"] == service["command"]
    assert container("notify")["livenessProbe"]["exec"]["command"] == service["healthcheck"]["test"][1:]
    assert "published" in service["networks"]  # an internal network reaches nothing outside
    (policy,) = [each for each in documents(KUBERNETES)
                 if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "tillwatch-notify")]  # fmt: skip
    assert {5432, 443} < {each["port"] for each in policy["spec"]["egress"][0]["ports"]}
    routed = {each for receiver in read_routing().receivers.values() for each in receiver.channels}
    set_by = (service["environment"], {each["name"]: each["value"] for each in container("notify")["env"]})
    for environment in set_by:
        named = {match[1].lower() for each in environment if (match := re.match(r"TILLWATCH_CHANNELS__(\w+)__", each))}
        assert named
        assert named <= routed
        with_files = {name: value for name, value in environment.items() if name.endswith("__KEY_FILE")}
        assert all(value.startswith("/run/secrets/notices/") for value in with_files.values())


UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS, ids=lambda each: each.name)
def test_systemd_takes_a_unit_and_finds_it_well_shut_off(unit: Path, tmp_path: Path) -> None:
    tool = require(lambda: command("systemd-analyze", "systemd"))
    text = re.sub(r"/opt/tillwatch/bin/tillwatch", "/bin/true", unit.read_text(encoding="utf-8"))
    text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
    copy = tmp_path / unit.name.replace("@.", "@1.")
    copy.write_text(text)
    verified = subprocess.run([tool, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = checked(tool, "security", "--offline=true", "--threshold=20", str(copy))
    assert "Overall exposure level" in rated


def checked(*arguments: str) -> str:
    assert shutil.which(arguments[0])
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
