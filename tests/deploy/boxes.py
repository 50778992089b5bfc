"""Containers without a container engine: a service of docker-compose.yml in Linux namespaces of its own.

A box has what the compose file gives a service: its user and groups, a read-only root, its tmpfs, volumes and
environment, no capability, no new privileges, a network with the other services by name, and its own process numbers.
What it has not is the image: programs and libraries are those of this machine, limits of memory and processors are not
set, and no port is published.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from engine.jit import cache_folder
from tests.casework.postgres import folder_of_commands
from tests.deploy.documents import ROOT
from tests.faults.waiting import wait_until
from tests.kafka.jars import jars
from tests.parts import Missing, command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OWNERS = {
    "kafka": "1000:1000", "prometheus": "65534:65534", "alertmanager": "65534:65534", "postgres": "999:999",
}  # fmt: skip
"""Whose a new volume is: the image's folder at that place gives it its owner. Ours are of 10001."""
PROGRAMS = {
    "prom/prometheus": ["prometheus"],
    "prom/alertmanager": ["prometheus-alertmanager"],
    "tillwatch": ["tillwatch"],
    "postgres": [str(ROOT / "tests/deploy/postgres_entry.sh")],
}
"""What stands for an image's entry point."""
_SHIM = """#!/bin/sh
exec java ${{KAFKA_HEAP_OPTS:-}} ${{KAFKA_LOG4J_OPTS:-}} -cp '/opt/kafka/libs/*' {main} "$@"
"""
_ETC = ("alternatives", "ssl", "java-17-openjdk", "ld.so.cache", "localtime", "mime.types")
_PASSWD = "root:x:0:0::/:/bin/sh\n{name}:x:{user}:{group}::/nonexistent:/bin/sh\n"


def need_namespaces() -> None:
    """Raises Missing where this user may not make namespaces, or a program for it is not there."""
    for name, package in (("ip", "iproute2"), ("unshare", "util-linux"), ("nsenter", "util-linux"), ("wget", "wget")):
        command(name, package)
    for name, package in (("prometheus", "prometheus"), ("prometheus-alertmanager", "prometheus-alertmanager")):
        command(name, package)
    made = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, check=False)
    if made.returncode or os.geteuid():
        raise Missing(f"namespaces cannot be made here, only as root: {made.stderr.decode().strip()}")


class Lab:
    """A network of boxes.

    Args:
        folder: for volumes, roots and what services say.
        services: of the compose file, by name.
    """

    def __init__(self, folder: Path, services: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder, self.services = folder, services
        self.name = f"tw{os.getpid()}"
        self.addresses = {name: f"10.77.0.{k + 2}" for k, name in enumerate(services)}
        self.boxes: dict[str, Box] = {}
        self._spaces: list[str] = []

    def __enter__(self) -> Self:
        self.folder.chmod(0o755)
        kafka = self.folder / "opt-kafka"
        (kafka / "bin").mkdir(parents=True)
        (kafka / "libs").mkdir()
        for name, main in (("kafka-storage.sh", "kafka.tools.StorageTool"), ("kafka-server-start.sh", "kafka.Kafka")):
            (kafka / "bin" / name).write_text(_SHIM.format(main=main))
            (kafka / "bin" / name).chmod(0o755)
        # As the image has it: compiled before, readable by all, of root.
        kept = self.folder / "cache" / "tillwatch" / cache_folder().name
        shutil.copytree(cache_folder(), kept, ignore=shutil.ignore_patterns("*.tmp*"))
        subprocess.run(["chmod", "-R", "u=rwX,go=rX", str(self.folder / "cache")], check=True)
        self._space(self.name)
        self._ip("-n", self.name, "link", "add", "br0", "type", "bridge")
        self._ip("-n", self.name, "link", "set", "br0", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for box in reversed([*self.boxes.values()]):
            box.end()
        for space in reversed(self._spaces):
            subprocess.run(["ip", "netns", "delete", space], check=False)

    def connect(self, name: str) -> str:
        """Give a service its place in the network: the name of its namespace."""
        space = f"{self.name}-{list(self.services).index(name)}"
        if space not in self._spaces:
            self._space(space)
            link = f"{space}v"[-15:]
            self._ip("link", "add", link, "netns", self.name, "type", "veth", "peer", "name", "eth0", "netns", space)
            self._ip("-n", self.name, "link", "set", link, "master", "br0", "up")
            self._ip("-n", space, "addr", "add", f"{self.addresses[name]}/24", "dev", "eth0")
            self._ip("-n", space, "link", "set", "eth0", "up")
        return space

    def up(self, *names: str) -> None:
        """Start services, and before them those that they depend on, each as its conditions say."""
        for name in names:
            if name in self.boxes:
                continue
            for other, condition in self.services[name].get("depends_on", {}).items():
                self.up(other)
                self.boxes[other].wait(condition["condition"])
            self.boxes[name] = Box(self, name)

    def volume(self, name: str) -> Path:
        """The folder that stands for a volume, made at its first use."""
        path = self.folder / "volumes" / name
        if not path.is_dir():
            path.mkdir(parents=True, mode=0o750)
            user, group = map(int, OWNERS.get(name, "10001:10001").split(":"))
            os.chown(path, user, group)
            path.parent.chmod(0o755)
        return path

    def hosts(self) -> str:
        named = "".join(f"{address} {name}\n" for name, address in self.addresses.items())
        return f"127.0.0.1 localhost\n{named}"

    def _space(self, name: str) -> None:
        self._ip("netns", "add", name)
        self._spaces.append(name)
        self._ip("-n", name, "link", "set", "lo", "up")

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)


class Box:
    """A service that runs, in what stands for its container."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.name, self.service = lab, name, lab.services[name]
        self.said = lab.folder / f"{name}.log"
        self.root = lab.folder / "roots" / name
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.parent.chmod(0o755)
        script = "\n".join(["set -eu", "umask 022", *self._mounts(), f"exec {shlex.join(self._inside())}"])
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", lab.connect(name), "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork",
                 "--kill-child", "sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip

    def wait(self, condition: str) -> None:
        """Wait for what another service waits for: that this one has ended well, or is healthy."""
        if condition == "service_completed_successfully":
            assert self.process.wait(120) == 0, self.tail()
        else:
            wait_until(self.is_healthy, f"{self.name} is healthy", 120.0, poll_s=0.5)

    def is_healthy(self) -> bool:
        """Whether its health check says so; fails where the service has ended."""
        assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.tail()}"
        return self.run(self.service["healthcheck"]["test"][1:]).returncode == 0

    def run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a program in the box, as its user."""
        inner = self._inner_pid()
        if inner is None:
            return subprocess.CompletedProcess([], 1, "", "it has not started")
        enter = ["nsenter", f"--target={inner}", "--mount", "--net", "--pid", "--root", "--wdns=/"]
        return subprocess.run(
            [*enter, *self._as_user(), *arguments], capture_output=True, text=True, check=False, timeout=60
        )

    def end(self) -> int:
        """Ask it to end, as a container engine does, and kill it where it does not, or has not begun to run."""
        if (inner := self._inner_pid()) is not None:
            os.kill(inner, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(30)
        self.kill()
        return self.process.wait(30)

    def kill(self) -> None:
        """Kill its first process, service or not yet; its namespace of processes ends with that."""
        first = self._first_pid()
        if first is None:
            self.process.kill()
        else:
            os.kill(first, signal.SIGKILL)
        self.process.wait(30)

    def tail(self) -> str:
        """What it said last."""
        return self.said.read_text(encoding="utf-8", errors="replace")[-3000:]

    def _first_pid(self) -> int | None:
        """The first process of its namespace: a shell, which makes the root and becomes the service."""
        try:
            return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])
        except (OSError, IndexError):
            return None

    def _inner_pid(self) -> int | None:
        """The service's own process, once it has become it."""
        first = self._first_pid()
        try:
            return first if first and Path(f"/proc/{first}/root").readlink() == self.root else None
        except OSError:
            return None

    def _inside(self) -> list[str]:
        """The service's command line, in its root and as its user."""
        entry = self.service.get("entrypoint") or PROGRAMS[self._image()]
        return ["chroot", str(self.root), *self._as_user(), *entry, *self.service.get("command", [])]

    def _image(self) -> str:
        return self.service["image"].split(":")[0]

    def _as_user(self) -> list[str]:
        user, group = self.service["user"].split(":")
        groups = ",".join([group, *self.service.get("group_add", [])])
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{folder_of_commands()}:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT),  # this tree's code, whichever one the environment was made in
            "TILLWATCH_CACHE": "/opt/tillwatch/cache",
            **{name: str(value) for name, value in self.service.get("environment", {}).items()},
        }
        given = [f"{name}={value}" for name, value in environment.items()]
        return [
            "setpriv", f"--reuid={user}", f"--regid={group}", f"--groups={groups}", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all", "env", "-i", *given,
        ]  # fmt: skip

    def _mounts(self) -> list[str]:
        """Lines of shell that make its root."""
        shown = {
            "/usr": "/usr", str(ROOT): str(ROOT), sys.base_prefix: sys.base_prefix, sys.prefix: sys.prefix,
            str(ROOT / "deploy"): "/opt/tillwatch/deploy", str(self.lab.folder / "cache"): "/opt/tillwatch/cache",
            str(self.lab.folder / "opt-kafka"): "/opt/kafka", str(jars()): "/opt/kafka/libs",
            **{f"/etc/{name}": f"/etc/{name}" for name in _ETC if Path(f"/etc/{name}").exists()},
        }  # fmt: skip
        lines = ["mount --make-rprivate /", f"mount -t tmpfs -o mode=755 root {self.root}", f"mkdir {self.root}/etc"]
        user, group = self.service["user"].split(":")
        files = {
            "passwd": _PASSWD.format(name=self._image(), user=user, group=group),
            "hosts": self.lab.hosts(),
            "nsswitch.conf": "hosts: files\n",
        }
        lines += [f"printf %s {shlex.quote(text)} > {self.root}/etc/{name}" for name, text in files.items()]
        for name in ("bin", "sbin", "lib", "lib64"):
            lines.append(f"ln -s usr/{name} {self.root}/{name}")
        lines += [f"mkdir {self.root}/{name}" for name in ("proc", "dev", "tmp", "run")]
        lines += [f"mount -t proc proc {self.root}/proc", f"mount --rbind /dev {self.root}/dev"]
        # Before what is shown: this tree may lie below /tmp.
        for each in self.service.get("tmpfs", ()):
            target, _, options = each.partition(":")
            lines.append(f"mkdir -p {self.root}{target}")
            lines.append(f"mount -t tmpfs -o {options} tmpfs {self.root}{target}")
        lines += [line for source, target in shown.items() for line in self._bound(source, target, read_only=True)]
        for each in self.service.get("volumes", ()):
            source, target, *mode = each.split(":")
            source = str(ROOT / source) if source.startswith("./") else str(self.lab.volume(source))
            lines += self._bound(source, target, read_only=mode == ["ro"])
        return [*lines, f"mount -o remount,ro {self.root}"]

    def _bound(self, source: str, target: str, *, read_only: bool) -> list[str]:
        at = shlex.quote(f"{self.root}{target}")
        make = f"mkdir -p {at}" if Path(source).is_dir() else f"mkdir -p $(dirname {at}); test -e {at} || touch {at}"
        bind = [make, f"mount --bind {shlex.quote(source)} {at}"]
        return [*bind, f"mount -o remount,bind,ro {at}"] if read_only else bind
