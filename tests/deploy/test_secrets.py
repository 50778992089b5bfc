"""deploy/make_secrets.py: what it makes, for whom, and that it changes nothing that is there."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.deploy.documents import ROOT
from tests.parts import command, require

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = ("tillwatch", "kafka", "prometheus", "grafana", "postgres", "casework", "console")
OURS = {"tillwatch", "casework", "console"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(lambda: command("openssl", "openssl"))
    folder = tmp_path_factory.mktemp("secrets")
    for each in FOLDERS:
        (folder / each).mkdir()
    run(folder)
    return folder


def run(folder: Path, what: str = "make") -> str:
    script = [sys.executable, ROOT / "deploy/make_secrets.py", what]
    done = subprocess.run(
        script, env=os.environ | {"TILLWATCH_SECRETS": str(folder)}, check=True, capture_output=True, text=True
    )
    return done.stdout


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_is_there_is_never_changed(made: Path) -> None:
    before = contents(made)
    run(made)
    assert contents(made) == before
    assert len({each for name, each in before.items() if name.endswith("password")}) == 5, "no two are one"


def test_only_their_service_reads_secrets(made: Path) -> None:
    for path in made.rglob("*/*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o600 if path.parent.name in OURS else 0o640), path


def test_both_sides_have_the_same_password(made: Path) -> None:
    found = contents(made)
    assert found["casework/casework-password"] == found["postgres/casework-password"]
    assert found["grafana/casework-password"] == found["postgres/grafana-password"]
    assert found["casework/pgpass"] == f"postgres:5432:casework:tillwatch:{found['casework/casework-password']}\n"
    assert found["prometheus/metrics-token"] == found["tillwatch/metrics-token"]


def test_the_console_has_a_certificate_with_its_key_and_prometheus_the_certificate_alone(made: Path) -> None:
    context = ssl.create_default_context(cafile=made / "prometheus/console-ca.pem")
    assert len(context.get_ca_certs()) == 1
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made / "console/console.pem")
    assert "PRIVATE KEY" not in (made / "prometheus/console-ca.pem").read_text()


def test_what_is_shown_is_what_a_person_needs_and_no_password_of_the_database(made: Path) -> None:
    shown, found = run(made, "show"), contents(made)
    assert found["grafana/admin-password"] in shown
    assert not any(found[name] in shown for name in found if name.startswith(("postgres/", "casework/")))
