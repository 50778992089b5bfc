"""What the harness works with: the other environment, the broker's topics, and a contender's process."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bench.reference.plain import of_alert
from streams.kafka.kafka_python_compat import admin_client
from tests.kafka.broker import STEADY, Cluster
from tests.kafka.jars import jars

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.reference.contenders import Contender

ROOT = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
BROKER_CORE, JOB_CORE = 0, 1
PARTITIONS = 4
_CONFIGS = {"message.timestamp.after.max.ms": "600000"}
"""What a worker wants of a topic whose producers date their records."""


class Scene:
    """A broker, and what runs against it: this process and the broker on one core, contenders on the other."""

    def __init__(self, bootstrap: str) -> None:
        """Connect to a broker; `bootstrap` is its host and port."""
        self.bootstrap = bootstrap
        self._admin: Any = admin_client(bootstrap_servers=[bootstrap])
        self._bench = bench_python()

    def close(self) -> None:
        self._admin.close()

    def make_topic(self, name: str, partitions: int) -> None:
        """Make a topic."""
        self._admin.create_topics({name: {"num_partitions": partitions, "configs": _CONFIGS}}, wait_for_metadata=True)

    def remove(self, group: str) -> None:
        """Delete every topic that has a run's id in its name."""
        mine = [name for name in self._admin.list_topics() if group in name]
        if mine:
            self._admin.delete_topics(mine)

    def run_in_bench(self, module: str, *words: object) -> str:
        """Run a module of ours with the Python that has requirements.txt; what it printed."""
        command = [str(self._bench), "-m", f"bench.reference.{module}", *map(str, words)]
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout

    def command(self, contender: Contender, topics: tuple[str, str], group: str, records: int) -> list[str]:
        """A contender's command line, pinned to its core; `topics` are input and output."""
        places = {"bench": str(self._bench), "python": sys.executable, "root": str(ROOT)}
        words = [
            *pinned(),
            *(word.format(**places) for word in contender.command),
            *("--bootstrap", self.bootstrap, "--input", topics[0], "--output", topics[1], "--group", group),
            *("--records", str(records), "--partitions", str(PARTITIONS)),
        ]
        return [*words, "--variant", contender.variant] if contender.variant else words

    def alerts(self, topic: str) -> set[tuple[str, str, str]]:
        """All alerts of an output topic that are committed."""
        printed = self.run_in_bench("collect", "--bootstrap", self.bootstrap, "--topic", topic)
        return {of_alert(json.loads(line)) for line in printed.splitlines()}


@contextmanager
def scene(bootstrap: str) -> Iterator[Scene]:
    """The broker at `bootstrap`, or one of our own if that is empty."""
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {BROKER_CORE})  # what we start inherits it
    with TemporaryDirectory() as folder:
        if bootstrap:
            yield from _connected(bootstrap)
        else:
            with Cluster(Path(folder), java=STEADY) as cluster:
                yield from _connected(cluster.bootstrap)


def _connected(bootstrap: str) -> Iterator[Scene]:
    found = Scene(bootstrap)
    try:
        yield found
    finally:
        found.close()


def new_group(contender: Contender) -> str:
    """An id for one run."""
    return f"{contender.name}-{uuid4().hex[:8]}"


def pinned() -> tuple[str, ...]:
    """What pins a contender to its core, where there is one."""
    return ("taskset", "-c", str(JOB_CORE)) if (os.cpu_count() or 1) > JOB_CORE else ()


def environment() -> Mapping[str, str]:
    """Of a contender: ours, and where our modules are."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def bench_python() -> Path:
    """The Python that has requirements.txt, in an environment of its own under the cache; made where there is none.

    Raises:
        RuntimeError: there is no uv.
        subprocess.CalledProcessError: uv could not make it.
    """
    cache = os.environ.get("TILLWATCH_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(cache) / "tillwatch" / f"bench-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]}"
    python, whole = folder / "bin" / "python", folder / "whole"
    if not whole.exists():
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
        if uv is None:
            raise RuntimeError("the contenders' environment should be made with uv, found none on the path")
        subprocess.run([uv, "venv", "-q", "--clear", "--python", ">=3.11,<3.13", str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), "-r", str(REQUIREMENTS)], check=True)
        whole.touch()
    return python


def machine() -> dict[str, Any]:
    """What it was measured on."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Of the languages, of the broker that we start, and of what requirements.txt names."""
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    named = [line.split("==") for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line]
    broker = next(jars().glob("kafka_2.13-*.jar")).stem.rpartition("-")[2]
    return {"python": platform.python_version(), "java": said.split('"')[1], "kafka": broker, **dict(named)}
