"""Real Kafka brokers on this machine, for tests and benchmarks; `python -m tests.kafka.broker` starts one by hand."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Self

import click

from tests.faults.waiting import wait_until
from tests.kafka.certificates import Certificates
from tests.kafka.jars import jars
from tests.kafka.ports import HOST, free_ports
from tests.kafka.settings import LISTENERS, SECURE_LISTENERS, secure, server_properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

QUICK = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of Java for a broker that starts soon and takes little memory."""
STEADY = ("-Xmx1g",)
"""Options of Java for a broker that is measured."""
_LOGGING = Path(__file__).with_name("log4j2.properties")
_CLUSTER_ID = "dGlsbHdhdGNoLXRlc3RzMQ"
_METADATA = 3  # the request, in Kafka's protocol
_STARTS_WITHIN_S = 90.0
_STOPS_WITHIN_S = 30.0


class BrokerFailed(Exception):
    """A broker did not do what it was told; the message ends with its log's last lines."""


class Broker:
    """One Kafka node, broker and controller, in a process of its own that ends with ours at the latest."""

    def __init__(self, node: int, folder: Path, properties: str, ports: Mapping[str, int], java: Sequence[str]) -> None:
        """Take a folder; `start` starts it.

        Args:
            node: its number.
            folder: for its log, its settings and what it says.
            properties: its server.properties.
            ports: by listener.
            java: options of Java.
        """
        self.node = node
        self.folder = folder
        self.ports = ports
        self.said = folder / "said.log"
        self._settings = folder / "server.properties"
        self._java = ("java", *java, f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", f"{jars()}/*")
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(properties, encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self._process is not None, f"broker {self.node} should have been started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def format(self, *options: str) -> None:
        """Make its storage, unless it is there; `options` of `kafka-storage format` beyond."""
        if (self.folder / "data" / "meta.properties").exists():
            return
        tool = ("kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID, "--config", str(self._settings))
        with self.said.open("ab") as said:
            made = subprocess.run([*self._java, *tool, *options], stdout=said, stderr=said, check=False)
        if made.returncode:
            raise self._failed("should have made its storage")

    def launch(self) -> None:
        """Start its process, with the data that is there; `wait` for it then."""
        assert not self.alive, f"broker {self.node} runs already"
        self._let_go()
        with self.said.open("ab") as said:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._settings)],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        # Its input ends when we do, however we end; then it takes the broker along.
        self._leash = subprocess.Popen(
            ["sh", "-c", 'read -r _; kill -KILL "$0"', str(self._process.pid)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def wait(self, nodes: set[int]) -> None:
        """Wait until it serves, and knows that all of `nodes` do."""
        try:
            what = f"broker {self.node} serves beside {nodes}"
            wait_until(lambda: self._serves(nodes), what, _STARTS_WITHIN_S, poll_s=0.02)
        except TimeoutError as late:
            raise self._failed(str(late)) from late

    def start(self) -> None:
        """Start it, with the data that is there and on the same ports, and wait until it serves."""
        self.launch()
        self.wait({self.node})

    def kill(self) -> None:
        """Kill it as with `kill -9`, also where it stands still."""
        self._signal(signal.SIGKILL)
        self.join()

    def terminate(self) -> None:
        """Ask it to end; `join` waits until it has."""
        self._signal(signal.SIGTERM)

    def join(self) -> None:
        """Wait until it has ended; raises BrokerFailed if it does not in time."""
        assert self._process is not None
        try:
            self._process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired as late:
            raise self._failed(f"should have ended within {_STOPS_WITHIN_S:g} s") from late
        self._let_go()

    def stop(self) -> None:
        """End it in good order."""
        self.terminate()
        self.join()

    def pause(self) -> None:
        """Let it stand still; its connections stay."""
        self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def tail(self) -> str:
        """What it said last."""
        return self.said.read_text(encoding="utf-8", errors="replace")[-4000:] if self.said.exists() else ""

    def close(self) -> None:
        """Kill it if it runs."""
        if self.alive:
            self.kill()
        self._let_go()

    def check(self) -> None:
        """Raise BrokerFailed where it does not run."""
        if not self.alive:
            raise self._failed(f"should run, but ended with {self._process and self._process.returncode}")

    def _serves(self, nodes: set[int]) -> bool:
        self.check()
        with suppress(OSError):
            return nodes <= brokers_known(self.ports["DIRECT"])
        return False

    def _signal(self, number: signal.Signals) -> None:
        self.check()
        os.kill(self.pid, number)

    def _let_go(self) -> None:
        if self._leash is not None:
            self._leash.kill()
            self._leash.communicate()
            self._leash = None

    def _failed(self, what: str) -> BrokerFailed:
        return BrokerFailed(f"broker {self.node}: {what}; it said last:\n{self.tail()}")


@dataclass(frozen=True)
class Secure:
    """What a client needs for the listeners with TLS."""

    certificates: Certificates
    scram: str
    """Where clients with `user` and `password` connect, by SASL_SSL and SCRAM-SHA-512."""
    mtls: str
    """Where clients with a certificate connect, by SSL."""
    user: ClassVar[str] = "tillwatch"
    password: ClassVar[str] = "known-to-every-test"
    added: ClassVar[str] = f"SCRAM-SHA-512=[name={user},password={password}]"
    """The same as `kafka-storage format` takes it."""


class Cluster:
    """Kafka brokers, each in a process, on ports of the loopback that stay the same as long as this lives."""

    def __init__(
        self,
        folder: Path,
        *,
        brokers: int = 1,
        sasl_tls: bool = False,
        advertised_ports: Sequence[int] = (),
        java: Sequence[str] = QUICK,
    ) -> None:
        """Take a folder; `start`, or a with statement, starts the brokers.

        Args:
            folder: for their logs, settings and what they say.
            brokers: how many; each is a controller, too.
            sasl_tls: whether there are listeners with TLS besides, one for a password and one for a certificate.
            advertised_ports: where clients are sent for each broker, where that is a proxy in front of it.
            java: options of Java.
        """
        certificates = Certificates(folder / "certificates") if sasl_tls else None
        more: dict[str, str] = {}
        if certificates is not None:
            certificates.make()
            more = secure(certificates)
        nodes, names = range(1, brokers + 1), [*LISTENERS, *(SECURE_LISTENERS if sasl_tls else ())]
        free = iter(free_ports(len(nodes) * len(names)))
        ports = {node: {name: next(free) for name in names} for node in nodes}
        advertised = dict(zip(nodes, advertised_ports or [ports[node]["CLIENT"] for node in nodes], strict=True))
        self.brokers: list[Broker] = []
        for node in nodes:
            own = folder / f"broker-{node}"
            properties = server_properties(node, own / "data", ports, advertised[node], more)
            self.brokers.append(Broker(node, own, properties, ports[node], java))
        self.bootstrap = _addresses(advertised.values())
        """Where clients connect, with commas between."""
        self.direct = _addresses(named["DIRECT"] for named in ports.values())
        """The same past any proxy."""
        self.secure: Secure | None = None
        """The same with TLS, where that was asked for."""
        if certificates is not None:
            scram, mtls = (_addresses(named[name] for named in ports.values()) for name in SECURE_LISTENERS)
            self.secure = Secure(certificates, scram, mtls)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the brokers that do not run, with their data, and wait until all know each other."""
        for each in self.brokers:
            each.format(*(("--add-scram", Secure.added) if self.secure else ()))
        for each in self.brokers:
            if not each.alive:
                each.launch()
        for each in self.brokers:
            each.wait({other.node for other in self.brokers})

    def check(self) -> None:
        """Raise BrokerFailed where a broker does not run."""
        for each in self.brokers:
            each.check()

    def kill(self) -> None:
        """Kill all, as with `kill -9`."""
        for each in self.brokers:
            each.kill()

    def stop(self) -> None:
        """End all in good order."""
        for each in self.brokers:
            each.terminate()
        for each in self.brokers:
            each.join()

    def pause(self) -> None:
        """Let all stand still."""
        for each in self.brokers:
            each.pause()

    def resume(self) -> None:
        """Let all go on."""
        for each in self.brokers:
            each.resume()

    def close(self) -> None:
        """Kill those that run."""
        for each in self.brokers:
            each.close()


def _addresses(ports: Iterable[int]) -> str:
    return ",".join(f"{HOST}:{port}" for port in ports)


def brokers_known(port: int, *, timeout_s: float = 10.0) -> set[int]:
    """The numbers of the brokers that the one at a port knows to serve; raises OSError if it does not answer."""
    client = b"tillwatch"
    asked = struct.pack(f">hhih{len(client)}si", _METADATA, 1, 0, len(client), client, 0)
    with (
        socket.create_connection((HOST, port), timeout=timeout_s) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(struct.pack(">i", len(asked)) + asked)
        _size, _correlation, count = struct.unpack(">iii", _exactly(answer, 12))
        return {_read_broker(answer) for _ in range(count)}


def _read_broker(answer: BinaryIO) -> int:
    node, length = struct.unpack(">ih", _exactly(answer, 6))
    _host, _port, rack = struct.unpack(f">{length}sih", _exactly(answer, length + 6))
    _exactly(answer, max(rack, 0))
    return int(node)


def _exactly(answer: BinaryIO, size: int) -> bytes:
    got = answer.read(size)
    if len(got) < size:
        raise ConnectionError(f"the answer should have {size} more bytes, has {len(got)}")
    return got


@click.command()
@click.option("--brokers", type=click.Choice([1, 3]), default=1, show_default=True)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where it is kept.")
def main(brokers: int, data: Path) -> None:
    """Run Kafka until Ctrl-C, and say where it is."""
    asked_to_end = threading.Event()
    with Cluster(data.resolve(), brokers=brokers, java=STEADY) as cluster:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: asked_to_end.set())
        click.echo(cluster.bootstrap)
        while not asked_to_end.wait(0.5):
            cluster.check()
        cluster.stop()


if __name__ == "__main__":
    main()
