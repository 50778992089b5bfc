"""Every service's command line as docker-compose.yml has it, in a box of its own, against real Kafka and Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.casework.postgres import folder_of_commands
from tests.deploy.boxes import Lab, need_namespaces
from tests.deploy.documents import services
from tests.faults.waiting import wait_until
from tests.kafka.jars import jars
from tests.parts import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.boxes import Box

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(900)]
WORKERS = ("worker-1", "worker-2")
CASEWORK = ("casework", "console", "notify", "casework-views")
PUBLIC = {"cluster-id", "console-ca.pem"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All services but Grafana, of which there is no program here, up and healthy."""
    require(jars)
    require(folder_of_commands)
    require(need_namespaces)
    folder = tmp_path_factory.mktemp("boxes")
    for each in (folder, *folder.parents):
        if "pytest" in each.name:
            each.chmod(0o755)
    with Lab(folder, services()) as started:
        started.up("alertmanager", "prometheus", *WORKERS, *CASEWORK, "simulator")
        for name in ("alertmanager", "prometheus", *WORKERS, "casework", "console", "notify"):
            started.boxes[name].wait("service_healthy")
        yield started


def asked(box: Box, path: str) -> Any:
    """What a service of HTTP answers, asked in its own box."""
    done = box.run(["wget", "-q", "-O", "-", f"http://127.0.0.1:{path}"])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def query(lab: Lab, expression: str) -> list[float]:
    """The values of Prometheus' series."""
    answer = asked(lab.boxes["prometheus"], f"9090/api/v1/query?query={quote(expression)}")
    return [float(each["value"][1]) for each in answer["data"]["result"]]


def test_prometheus_scrapes_both_workers_with_their_token(lab: Lab) -> None:
    wait_until(lambda: query(lab, 'up{job="tillwatch"} == 1') == [1.0, 1.0], "both workers are scraped", 90.0, poll_s=1)


def test_simulated_merchants_give_alerts_that_prometheus_sees(lab: Lab) -> None:
    wait_until(lambda: sum(query(lab, "tillwatch_alerts_total")) >= 1, "alerts are counted", 180.0, poll_s=1)


def test_both_workers_hold_partitions(lab: Lab) -> None:
    wait_until(lambda: sorted(query(lab, "tillwatch_partitions")) == [2.0, 2.0], "each has its half", 90.0, poll_s=1)


def test_alerts_are_filed_and_prometheus_sees_how(lab: Lab) -> None:
    wait_until(lambda: query(lab, 'up{job="tillwatch-casework"} == 1') == [1.0], "casework is scraped", 90.0, poll_s=1)
    wait_until(lambda: sum(query(lab, "tillwatch_casework_open_cases")) >= 1, "cases are open", 180.0, poll_s=1)
    assert query(lab, "tillwatch_casework_audit_intact") == [1.0]


def test_notices_are_planned_and_written_as_lists_and_prometheus_sees_how(lab: Lab) -> None:
    wait_until(lambda: query(lab, 'up{job="tillwatch-notify"} == 1') == [1.0], "it is scraped", 90.0, poll_s=1)
    wait_until(
        lambda: sum(query(lab, 'tillwatch_notices_notices{status="sent"}')) >= 1, "the desk is told", 300.0, poll_s=1
    )
    box = lab.boxes["notify"]
    assert box.run(["ls", box.service["environment"]["TILLWATCH_CHANNELS__RISK_DESK__FOLDER"]]).stdout.strip()


def test_prometheus_scrapes_the_console_over_tls_with_its_token(lab: Lab) -> None:
    wait_until(lambda: query(lab, 'up{job="tillwatch-console"} == 1') == [1.0], "it is scraped", 90.0, poll_s=1)


def test_the_console_reads_the_log_and_may_write_controls(lab: Lab) -> None:
    done = lab.boxes["console"].run(["tillwatch", "controls", "list"])
    assert done.returncode == 0, done.stderr


def test_agent_and_console_keep_attached_files_in_one_place(lab: Lab) -> None:
    kept_in = lab.boxes["console"].service["environment"]["TILLWATCH_CASEWORK_FILES"]
    assert lab.boxes["console"].run(["mkdir", "-m", "700", kept_in]).returncode == 0
    assert lab.boxes["console"].run(["touch", f"{kept_in}/one"]).returncode == 0
    assert lab.boxes["casework"].run(["rm", f"{kept_in}/one"]).returncode == 0


def test_grafana_reads_views_of_casework_with_its_password(lab: Lab) -> None:
    password = (lab.folder / "volumes" / "secrets-grafana" / "casework-password").read_text()
    assert lab.boxes["casework-views"].process.wait(60) == 0, lab.boxes["casework-views"].tail()

    def asked_for(table: str, password: str) -> int:
        where = [
            "-h",
            "127.0.0.1",
            "-U",
            "tillwatch_grafana",
            "-d",
            "casework",
            "-Atc",
            f"SELECT count(*) FROM {table}",
        ]
        return lab.boxes["postgres"].run(["env", f"PGPASSWORD={password}", "psql", *where]).returncode

    assert asked_for("view_cases", password) == 0
    assert asked_for("cases", password) != 0
    assert asked_for("view_cases", "another") != 0


def test_the_console_shows_its_first_link_once(lab: Lab) -> None:
    said = lab.boxes["console"].tail()
    assert said.count("https://127.0.0.1:8643/login/") == 1


def test_prometheus_has_the_rules_and_its_alerts_reach_alertmanager(lab: Lab) -> None:
    rules = asked(lab.boxes["prometheus"], "9090/api/v1/rules")["data"]["groups"]
    assert sum(len(each["rules"]) for each in rules) > 10

    def names() -> set[str]:
        return {each["labels"]["alertname"] for each in asked(lab.boxes["alertmanager"], "9093/api/v2/alerts")}

    wait_until(lambda: "TillwatchDeadMansSwitch" in names(), "the dead-man's switch is heard", 120.0, poll_s=1)


@pytest.mark.parametrize(
    "name", ["kafka", "prometheus", "alertmanager", *WORKERS, "simulator", "postgres", "casework", "console", "notify"]
)
def test_a_service_is_nobody_and_can_write_nowhere_else(lab: Lab, name: str) -> None:
    box = lab.boxes[name]
    user, _, group = box.service["user"].partition(":")
    assert box.run(["id", "-u"]).stdout.strip() == user
    assert box.run(["id", "-g"]).stdout.strip() == group
    status = box.run(["cat", "/proc/1/status"]).stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {fields[each] for each in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1"
    for folder in ("/", "/etc", "/usr", "/opt/tillwatch/cache/tillwatch"):
        assert box.run(["touch", f"{folder}/written"]).returncode != 0


def test_no_service_without_the_log_reads_the_workers_secrets(lab: Lab) -> None:
    assert lab.boxes["worker-1"].run(["cat", "/run/secrets/tillwatch/kafka-password"]).returncode == 0
    for name in ("kafka", "prometheus", "alertmanager", "postgres"):
        assert lab.boxes[name].run(["cat", "/run/secrets/tillwatch/kafka-password"]).returncode != 0


def test_without_a_password_kafka_answers_nobody(lab: Lab) -> None:
    worker = lab.boxes["worker-1"]
    stranger = ["env", "TILLWATCH_KAFKA_SECURITY=plaintext", "TILLWATCH_KAFKA_USER=", "TILLWATCH_KAFKA_PASSWORD_FILE=",
                "timeout", "20", "tillwatch", "topics", "check"]  # fmt: skip
    assert worker.run(stranger).returncode != 0
    assert worker.run(["tillwatch", "topics", "check"]).returncode == 0


def test_no_service_says_a_secret(lab: Lab) -> None:
    held = [path.read_text() for path in (lab.folder / "volumes").glob("secrets-*/*") if path.name not in PUBLIC]
    assert len(held) == 12
    said = "".join(path.read_text(errors="replace") for path in lab.folder.glob("*.log"))
    assert [each for each in held if each in said] == []


def test_a_worker_that_is_killed_is_noticed_and_the_other_takes_over(lab: Lab) -> None:
    lab.boxes["worker-2"].kill()
    wait_until(lambda: query(lab, 'up{job="tillwatch"} == 0') == [0.0], "its scrape fails", 60.0, poll_s=1)
    wait_until(lambda: max(query(lab, "tillwatch_partitions"), default=0) == 4.0, "the other has all", 90.0, poll_s=1)


def test_a_worker_that_is_asked_to_ends_in_order(lab: Lab) -> None:
    assert lab.boxes["worker-1"].end() == 0
