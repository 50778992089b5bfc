"""`tillwatch doctor` on broken configurations: each fault is found, alone, and its cure is named."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from streams.certificates import BadCertificate, validities
from streams.kafka.address import KafkaAddress
from streams.sqlite.address import SqliteAddress
from streams.sqlite.checkpoints import state_path
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from tests.kafka.topics import admin, delete_topics
from tests.parts import mount_small_disk, require
from tests.tillwatch.conftest import call
from tests.tillwatch.tls import HOST, Issuer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kafka.broker import Cluster, Secure


class Fault(NamedTuple):
    """A fault that was found."""

    check: str
    message: str
    cure: str


def doctor(*arguments: str | Path) -> list[Fault]:
    """The faults that it finds."""
    result = call(*arguments)
    findings = msgspec.json.decode(result.stdout)
    faults = [Fault(each["check"], each["message"], each["cure"]) for each in findings if each["status"] == "fault"]
    assert result.exit_code == (1 if faults else 0), result.output
    assert all(bool(each["cure"]) == (each["status"] == "fault") for each in findings)
    return faults


def on(settings: str, *more: str) -> list[Fault]:
    """The faults of settings in a file."""
    Path("tillwatch.toml").write_text(settings)
    return doctor("doctor", "--json", *more)


def assert_found(faults: list[Fault], check: str, message: str, cure: str) -> None:
    """One fault was found, and is this."""
    assert [each.check for each in faults] == [check], faults
    assert message in faults[0].message
    assert cure in faults[0].cure


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "tillwatch.db"
    with SqliteLog(path) as log:
        create_topics(log)
    return path


def of(path: Path) -> str:
    return f'log_url = "{SqliteAddress(path).url}"\n'


def test_nothing_is_wrong_with_a_log_that_a_worker_has_read(worked: Path) -> None:
    result = call("--log-url", SqliteAddress(worked).url, "doctor")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "no faults"
    for check in ("packages", "settings", "disk", "log", "topics", "state", "clock"):
        assert f"ok      {check} " in result.stdout
    assert "checkpoints of 4 partitions go on in this log" in result.stdout


def test_a_fault_is_shown_with_its_cure_and_ends_with_code_1() -> None:
    Path("tillwatch.toml").write_text("partition = 1")
    result = call("doctor")
    assert result.exit_code == 1
    assert "fault   settings       partition is no setting" in result.stdout
    assert "cure:          take partition out of tillwatch.toml" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 faults"


@pytest.mark.parametrize(
    ("settings", "message", "cure"),
    [
        ("partition = 1", "partition is no setting", "take partition out of tillwatch.toml"),
        ("partitions = 0", "partitions must be 1 to 1024, got 0", "correct partitions in tillwatch.toml"),
        ("partitions =", "tillwatch.toml must be TOML", "correct tillwatch.toml where the message says"),
        ('time_zone = "Peking"', "time_zone must be an IANA name", "docs/settings.md#time_zone"),
        ('log_url = "kafka://10.0.0.5"', "kafka_security must be tls or sasl_tls", "correct kafka_security"),
        ('log_url = "redis://x"', "log_url must be", "correct log_url in tillwatch.toml"),
        (
            'log_url = "kafka://localhost"\ncheckpoint_every_s = 900', "checkpoint_every_s must be above 0 and at most",
            "correct checkpoint_every_s",
        ),
        (
            'log_url = "kafka://localhost"\nkafka_security = "tls"\nkafka_ca_file = "none.pem"', "No such file",
            "put the file there, or correct kafka_ca_file in tillwatch.toml",
        ),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(settings: str, message: str, cure: str) -> None:
    assert_found(on(settings), "settings", message, cure)


def test_a_variable_that_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLWATCH_PARTITION", "4")
    assert_found(on(""), "settings", "TILLWATCH_PARTITION is no setting", "unset TILLWATCH_PARTITION")


def test_a_package_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_file: Path) -> None:
    folder = tmp_path / "other" / "aiokafka-0.9.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: aiokafka\nVersion: 0.9.0\n")
    monkeypatch.syspath_prepend(folder.parent)
    assert_found(on(of(log_file)), "packages", "aiokafka must be <0.15,>=0.14, got 0.9.0", "requirements.lock")


def test_a_file_that_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database" * 500)
    assert_found(on(of(tmp_path / "x.db")), "log", "file is not a database", "correct log_url")


def test_a_log_of_a_later_version(log_file: Path) -> None:
    with closing(sqlite3.connect(log_file)) as db:
        db.execute("PRAGMA user_version = 99")
    assert_found(on(of(log_file)), "log", "got format 99", "install the version of Tillwatch that has written it")


def test_a_log_of_other_partitions(log_file: Path) -> None:
    faults = on(of(log_file) + "partitions = 3")
    assert {each.check for each in faults} == {"topics"}
    assert "events: partitions must be 3, got 4" in faults[0].message
    assert "set partitions = 4" in faults[0].cure


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert_found(on(of(tmp_path / "file" / "x.db")), "files", "must be a folder, it is a file", "move that file away")


def test_a_log_that_everybody_may_write(log_file: Path) -> None:
    log_file.chmod(0o666)
    assert_found(on(of(log_file)), "files", "its mode is 0666", f"chmod 600 {log_file}")


def test_a_disk_without_room(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    require(partial(mount_small_disk, folder, "16m"))
    try:
        assert_found(on(of(folder / "x.db")), "disk", "must have 1,024 MiB free, it has 16", "make room there, or move")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_state_of_another_log(worked: Path, log_file: Path) -> None:
    shutil.copy(state_path(worked), state_path(log_file))
    faults = on(of(log_file))
    assert {each.check for each in faults} == {"state"}
    assert "must be of this log, it is of another" in faults[0].message
    assert "tillwatch state rebuild` --all" in faults[0].cure


def test_state_that_is_ahead_of_its_log(worked: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copy(worked, tmp_path / "log.db"))
    shutil.copy(state_path(worked), state_path(copied))
    with closing(sqlite3.connect(copied)) as db:
        db.execute("UPDATE topic_partition SET end_offset = 1 WHERE topic = 'events' AND number = 2")
        db.execute(
            "DELETE FROM block WHERE base > 0 AND tp ="
            " (SELECT id FROM topic_partition WHERE topic = 'events' AND number = 2)"
        )
        db.commit()
    faults = [each for each in on(of(copied)) if each.check == "state"]
    assert_found(faults, "state", "the checkpoint of partition 2 must go on between 0 and 1", "--partition 2")


def test_state_of_a_later_version(worked: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copy(worked, tmp_path / "log.db"))
    state = Path(shutil.copy(state_path(worked), state_path(copied)))
    with closing(sqlite3.connect(state)) as db:
        db.execute("PRAGMA user_version = 99")
    assert_found(on(of(copied)), "state", "got version 99", "install the version of Tillwatch that has written it")


def test_a_clock_that_has_gone_back(log_file: Path) -> None:
    with SqliteLog(log_file) as log:
        log.append("events", 0, [b"{}"], appended_ms=4_000_000_000_000)
    assert_found(on(of(log_file)), "clock", "must be within 30 s of this machine's clock", "NTP")


# -- towards Kafka: before any broker answers


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("certificates"))


def tls(port: int, issuer: Issuer, **more: object) -> str:
    settings = {
        "log_url": f"kafka://{HOST}:{port}", "kafka_security": "tls", "kafka_ca_file": str(issuer.authority), **more,
    }  # fmt: skip
    return "".join(f"{name} = {json.dumps(each)}\n" for name, each in settings.items())


def test_a_port_where_nobody_listens(issuer: Issuer) -> None:
    assert_found(on(tls(1, issuer)), "connection", "must answer, it does not: Connection refused", "start the broker")


def test_a_host_that_is_not_known(issuer: Issuer) -> None:
    faults = on(tls(1, issuer, log_url="kafka://no-such-host.invalid"))
    assert_found(faults, "connection", "must be a host that is known", "DNS")


def test_a_port_without_tls(issuer: Issuer) -> None:
    with serving(None) as port:
        assert_found(on(tls(port, issuer)), "connection", "must speak TLS, it does not", "name the brokers' TLS port")


@pytest.mark.parametrize(
    ("more", "message", "cure"),
    [
        ({"of": "DNS:other.example"}, f"must name {HOST}, it does not", "subjectAltName"),
        ({"days": 1, "made": "10 days ago"}, "must be valid now, it has expired", "renewed"),
        ({"made": "+10 days"}, "must be valid now, it is not valid yet", "set this machine's clock"),
    ],
)
def test_a_brokers_certificate_that_is_wrong(more: dict[str, Any], message: str, cure: str, issuer: Issuer) -> None:
    with serving(issuer.certificate("broker", **more)) as port:
        assert_found(on(tls(port, issuer)), "connection", message, cure)


def test_a_brokers_certificate_of_an_unknown_authority(issuer: Issuer, tmp_path: Path) -> None:
    strange = Issuer(tmp_path / "strange")
    with serving(strange.certificate("broker")) as port:
        faults = on(tls(port, issuer))
    assert_found(faults, "connection", "must be signed by an authority of kafka_ca_file", "kafka_ca_file")


def ours(faults: list[Fault]) -> list[Fault]:
    """Without that nobody listens."""
    assert any(each.check == "connection" for each in faults)
    return [each for each in faults if each.check != "connection"]


def test_our_certificate_has_expired(issuer: Issuer) -> None:
    mine = issuer.certificate("mine", days=1, made="10 days ago")
    faults = ours(on(tls(1, issuer, kafka_cert_file=str(mine), kafka_key_file=str(issuer.key("mine")))))
    assert_found(faults, "certificates", "must be valid, it expired", "ask whoever issued it for a new one")


def test_our_certificate_expires_before_the_next_look(issuer: Issuer) -> None:
    mine = issuer.certificate("mine", days=7)
    settings = tls(1, issuer, kafka_cert_file=str(mine), kafka_key_file=str(issuer.key("mine")))
    assert_found(ours(on(settings)), "certificates", "must be valid for 30 days still, it expires", "replace")
    assert ours(on(settings, "--certificate-days", "5")) == []


def test_an_authority_that_has_expired(issuer: Issuer) -> None:
    old = issuer.certificate("old", days=1, made="10 days ago")
    faults = ours(on(tls(1, issuer, kafka_ca_file=str(old))))
    assert_found(faults, "certificates", "kafka_ca_file", "replace")


def test_a_key_of_another_certificate(issuer: Issuer) -> None:
    mine = issuer.certificate("mine")
    issuer.certificate("other")
    faults = on(tls(1, issuer, kafka_cert_file=str(mine), kafka_key_file=str(issuer.key("other"))))
    assert_found(faults, "settings", "KEY_VALUES_MISMATCH", "name the key in kafka_key_file that belongs")


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_key_that_others_can_read(mode: int, issuer: Issuer) -> None:
    mine = issuer.certificate("mine")
    issuer.key("mine").chmod(mode)
    faults = ours(on(tls(1, issuer, kafka_cert_file=str(mine), kafka_key_file=str(issuer.key("mine")))))
    assert_found(faults, "secrets", f"must have mode 0600, got {mode:04o}", f"chmod 600 {issuer.key('mine')}")


def test_a_password_that_others_can_read(issuer: Issuer, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o604)
    more = {"kafka_security": "sasl_tls", "kafka_user": "u", "kafka_password_file": str(password)}
    assert_found(ours(on(tls(1, issuer, **more))), "secrets", "kafka_password_file", f"chmod 600 {password}")


def test_a_file_that_holds_no_certificate_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    file.write_text("none")
    with pytest.raises(BadCertificate, match="must hold a certificate in PEM, it holds none"):
        validities(file)
    file.write_text("-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(BadCertificate, match="one cannot be read"):
        validities(file)


# -- on Kafka


@pytest.fixture(scope="module")
def cluster(kafka: Cluster) -> Iterator[Cluster]:
    """The broker of all tests with topics that fit, which are deleted behind; a test that changes one sets it right."""
    with KafkaAddress.of(f"kafka://{kafka.bootstrap}").open(TOPICS) as log:
        create_topics(log)
    yield kafka
    with admin(kafka.direct) as asked:
        there = {each for each in asked.list_topics() if not each.startswith("__")}
    delete_topics(kafka.direct, sorted(there & {each.name for each in TOPICS}))


def plain(cluster: Cluster) -> str:
    return f'log_url = "kafka://{cluster.bootstrap}"\n'


def scram(secure: Secure, tmp_path: Path, password: str, **more: str) -> str:
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text(password)
    settings = {
        "log_url": f"kafka://{secure.scram}", "kafka_security": "sasl_tls", "kafka_user": secure.user,
        "kafka_password_file": str(file), "kafka_ca_file": str(secure.certificates.authority), **more,
    }  # fmt: skip
    return "".join(f"{name} = {json.dumps(each)}\n" for name, each in settings.items())


@pytest.mark.slow
def test_nothing_is_wrong_with_kafka(cluster: Cluster, secure: Secure, tmp_path: Path) -> None:
    assert on(plain(cluster)) == []
    assert on(scram(secure, tmp_path, secure.password), "--certificate-days", "0") == []
    result = call("doctor", "--certificate-days", "0")
    for check in ("certificates", "connection", "sign-in", "brokers", "topics", "log", "clock"):
        assert f"ok      {check} " in result.stdout


@pytest.mark.slow
def test_a_wrong_password(cluster: Cluster, secure: Secure, tmp_path: Path) -> None:
    faults = on(scram(secure, tmp_path, "wrong"), "--certificate-days", "0")
    assert_found(
        faults, "sign-in", f"the brokers must let {secure.user} in", "correct kafka_user and kafka_password_file"
    )


@pytest.mark.slow
def test_a_mechanism_that_the_brokers_do_not_have(cluster: Cluster, secure: Secure, tmp_path: Path) -> None:
    settings = scram(secure, tmp_path, secure.password, kafka_sasl_mechanism="PLAIN")
    faults = on(settings, "--certificate-days", "0")
    assert_found(faults, "sign-in", "kafka_sasl_mechanism must be one that the brokers have", "sasl.enabled.mechanisms")


@pytest.mark.slow
def test_brokers_that_want_a_certificate_of_ours(cluster: Cluster, secure: Secure) -> None:
    settings = (
        f'log_url = "kafka://{secure.mtls}"\nkafka_security = "tls"\n'
        f'kafka_ca_file = "{secure.certificates.authority}"\n'
    )
    assert_found(on(settings, "--certificate-days", "0"), "sign-in", "must answer a request", "set kafka_cert_file")


@pytest.mark.slow
def test_plaintext_to_a_port_with_tls(cluster: Cluster, secure: Secure) -> None:
    faults = on(f'log_url = "kafka://{secure.mtls}"\n')
    assert_found(faults, "sign-in", "must speak without TLS, it speaks TLS", "set kafka_security to tls or sasl_tls")


@pytest.mark.slow
def test_topics_that_are_missing_or_do_not_fit(cluster: Cluster) -> None:
    faults = on(plain(cluster) + "partitions = 5\nkafka_replication = 3")
    assert {each.check for each in faults} == {"topics"}
    assert any("events: partitions must be 5, got 4" in each.message for each in faults)
    assert any("must be on kafka_replication = 3 brokers, got 1" in each.message for each in faults)
    delete_topics(cluster.direct, ["positions"])
    assert_found(on(plain(cluster)), "topics", "positions: the topic must be there", "tillwatch topics create")
    assert call("topics", "create").exit_code == 0


@pytest.mark.slow
def test_a_log_on_kafka_of_a_later_version(cluster: Cluster) -> None:
    with KafkaAddress.of(f"kafka://{cluster.bootstrap}").open(TOPICS) as log:
        log.set_position("log-format", 99)
        assert_found(on(plain(cluster)), "log", "got format 99", "install the version of Tillwatch that has written it")
        log.set_position("log-format", 1)


@pytest.mark.slow
def test_a_clock_that_differs_from_the_brokers(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    import streams.kafka.diagnosis as module  # noqa: PLC0415  only for tests that want Kafka

    now_utc_ms = module.now_utc_ms
    monkeypatch.setattr(module, "now_utc_ms", lambda: now_utc_ms() - 120_000)
    faults = on(plain(cluster))
    assert_found(faults, "clock", "the brokers' clock must be within 30 s of this machine's clock, it is +1", "NTP")


def console_settings(issuer: Issuer, name: str, **more: str) -> str:
    given = {"console_cert_file": issuer.folder / f"{name}.pem", "console_key_file": issuer.key(name)} | more
    return "".join(f'{key} = "{value}"\n' for key, value in given.items())


def of_console(faults: list[Fault]) -> list[Fault]:
    return [each for each in faults if each.check == "console"]


def test_the_consoles_certificate_is_valid_its_key_fits_and_is_nobody_elses(issuer: Issuer) -> None:
    for name in ("of-console", "other"):
        issuer.certificate(name)
    issuer.certificate("short", days=20)
    assert of_console(on(console_settings(issuer, "of-console"))) == []
    short = of_console(on(console_settings(issuer, "short")))
    assert_found(short, "console", "must be valid for 30 days", "replace")
    mixed = of_console(on(console_settings(issuer, "of-console", console_key_file=str(issuer.key("other")))))
    assert_found(mixed, "console", "must be the key of console_cert_file", "console_key_file")
    gone = of_console(on(console_settings(issuer, "of-console", console_key_file="none.key")))
    assert_found(gone, "console", "must be readable", "put the files there")
    issuer.key("of-console").chmod(0o640)
    assert_found(of_console(on(console_settings(issuer, "of-console"))), "console", "0600, got 0640", "chmod 600")


def test_the_consoles_port_is_free_and_others_reach_it_over_tls_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        assert of_console(on(f"console_port = {port}\n")) == []
    with serving(None) as port:
        found = of_console(on(f"console_port = {port}\n"))
        assert_found(found, "console", f"must be free, 127.0.0.1:{port} is not", "choose another")
    open_to_all = of_console(on('console_host = "0.0.0.0"\n'))
    assert_found(open_to_all, "console", "must be this machine's loopback unless", "console_cert_file")
