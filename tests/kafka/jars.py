"""Apache Kafka's own jars, got with Maven once on a machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.parts import Missing, command

_POM = Path(__file__).with_name("pom.xml")
_JAVA_VERSION = 17
_FETCH_S = 600.0


def jars() -> Path:
    """The folder of the jars that pom.xml names; Maven gets them where no earlier call did.

    Raises:
        Missing: there is no Java that is new enough, no Maven, or Maven cannot get them.
    """
    _need_java()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tillwatch-tests"
    folder = cache / f"kafka-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:16]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits, and finds them
            if not folder.is_dir():
                _fetch(folder)
    return folder


def _need_java() -> None:
    said = subprocess.run(
        [command("java", "default-jre-headless"), "-version"], capture_output=True, text=True, check=False
    ).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _JAVA_VERSION:
        raise Missing(f"Kafka needs Java {_JAVA_VERSION} or newer, java -version said: {said.strip()}")


def _fetch(folder: Path) -> None:
    maven = command("mvn", "maven")
    with TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-") as half:
        whole = Path(half) / "jars"
        copy = [
            maven,
            "-B",
            "-ntp",
            "-q",
            "-f",
            str(_POM),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={whole}",
        ]
        got = subprocess.run(
            copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_FETCH_S, check=False
        )
        if got.returncode:
            raise Missing(f"Maven should get the jars of Kafka, but said:\n{got.stdout.strip()[:1000]}")
        whole.rename(folder)
