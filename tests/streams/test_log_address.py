from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streams.addresses import SCHEMES, address_of, check_url
from streams.app import WorkerSettings
from streams.errors import NoLog, NoState
from streams.kafka.address import KafkaAddress
from streams.sqlite.address import SqliteAddress
from streams.stage import Stage
from streams.topics import TOPICS, create_topics
from tests.streams.sums import SumMonitor

if TYPE_CHECKING:
    from tests.streams.conftest import LogBackend

ROOT = Path(__file__).parents[2]
URLS = ("sqlite:///var/log.db", "sqlite:////srv/till%20watch.db", "kafka://localhost:9092,[::1]:19092")


def test_each_scheme_has_an_example_here() -> None:
    assert {url.partition(":")[0] for url in URLS} == set(SCHEMES)


@pytest.mark.parametrize("url", URLS)
def test_a_url_makes_an_address_that_has_it(url: str) -> None:
    check_url(url)
    assert address_of(url, {}).url == url


@pytest.mark.parametrize("url", ["", "/srv/log.db", "redis://host", "sqlite:/log.db", "kafka:host"])
def test_a_url_of_no_known_scheme_is_refused(url: str) -> None:
    for each in (check_url, lambda url: address_of(url, {})):
        with pytest.raises(ValueError, match=f"log_url must begin with kafka:// or sqlite://, got {url!r}"):
            each(url)


@pytest.mark.parametrize("url", ["sqlite://log.db", "sqlite:///", "sqlite:////", "sqlite:///folder/"])
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=f"log_url must be sqlite:///folder/file.db, got {url!r}"):
        check_url(url)


def test_only_the_settings_of_its_own_scheme_reach_an_address(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n", encoding="utf-8")
    given = {"kafka_security": "sasl_plaintext", "kafka_user": "a", "kafka_password_file": str(secret), "partitions": 4}
    address = address_of("kafka://localhost", given)
    assert isinstance(address, KafkaAddress)
    assert (address.options.user, address.options.password) == ("a", "correct horse")
    assert "correct horse" not in f"{address!r} {address}"
    assert address_of("sqlite:///log.db", given) == SqliteAddress(Path("log.db"))


def test_a_log_that_is_not_to_be_made_is_opened_only_where_there_is_one(backend: LogBackend) -> None:
    address = backend.address
    with pytest.raises(NoLog, match=r"there is no log at .*: start `tillwatch ingest` or `tillwatch worker` first"):
        address.open(TOPICS, make=False)
    with address.open(TOPICS) as log:
        create_topics(log, 1)
    with address.open(TOPICS, make=False) as log:
        assert log.partitions(TOPICS.events.name) == 1
    assert address.exists()


def test_a_file_is_there_once_its_log_was_made_with_its_folder(tmp_path: Path) -> None:
    address = SqliteAddress(tmp_path / "new" / "log.db")
    assert not address.exists()
    with pytest.raises(NoState, match=r"there is no state at .*log\.state\.db"):
        address.checkpoints(TOPICS)
    address.open(TOPICS).close()
    assert address.exists()


def test_the_backend_names_its_files_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = WorkerSettings(address=SqliteAddress(Path("log.db")), partitions=1)
    assert settings.address.backend(settings, Stage.monitor(SumMonitor)).identity
    assert settings.address.broker_url == f"sqlite://{tmp_path}/log.db"


LIBRARIES = {"aiohttp", "aiokafka", "faust", "kafka", "sqlite3"}


def loaded_by(code: str, url: str) -> set[str]:
    """The libraries and the modules of Kafka's log that a new interpreter has loaded after `code`."""
    settings = f"from tillwatch.settings import load\nsettings = load(log_url={url!r}, partitions=1)\n"
    looks = "\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", settings + code + looks], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {each for each in done.stdout.split() if each in LIBRARIES or each.startswith("streams.kafka.")}


@pytest.mark.parametrize("url", URLS)
def test_an_address_loads_no_library_before_its_log_is_opened(url: str) -> None:
    assert loaded_by("settings.address().url", url) == {"streams.kafka.address", "streams.kafka.options"}


def test_a_command_without_a_worker_loads_neither_faust_nor_a_web_server_nor_a_client_of_kafka(tmp_path: Path) -> None:
    code = (
        "import tillwatch.causes, tillwatch.controls, tillwatch.evaluate, tillwatch.ingest, tillwatch.profiles\n"
        "import tillwatch.replay, tillwatch.tail, tillwatch.topics\n"
        "from tillwatch.logs import open_log\n"
        "open_log(settings).close()"
    )
    found = loaded_by(code, SqliteAddress(tmp_path / "log.db").url)
    assert found == {"sqlite3", "streams.kafka.address", "streams.kafka.options"}


def test_a_worker_on_a_log_in_a_file_loads_nothing_of_kafkas_log(tmp_path: Path) -> None:
    code = (
        "from streams.app import WorkerSettings\n"
        "from streams.stage import Stage\n"
        "from streams.worker import Worker\n"
        "given = WorkerSettings(address=settings.address())\n"
        "given.address.backend(given, Stage.monitor(lambda *_: None))"
    )
    found = loaded_by(code, SqliteAddress(tmp_path / "log.db").url) - {"aiohttp", "aiokafka"}  # which Faust loads
    assert found == {"faust", "sqlite3", "streams.kafka.address", "streams.kafka.options"}
