"""From producing a transaction to its alert: `python -m bench.reference.latency [--only a,b] [--rate 2000]`.

Starts a broker and, one after the other, the contenders with an input that has no end (`--records 0`), lets
bench/reference/probe.py measure, and ends them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.reference.contenders import chosen
from bench.reference.scene import PARTITIONS, ROOT, Scene, environment, machine, new_group, scene, versions

if TYPE_CHECKING:
    from bench.reference.contenders import Contender


def measure(at: Scene, contender: Contender, rate: int, seconds: int) -> dict[str, Any]:
    """What the probe says of a contender that this starts and kills.

    Raises:
        RuntimeError: no alert of it came.
    """
    group = new_group(contender)
    topics = f"input-{group}", f"alerts-{group}"
    for each in topics:
        at.make_topic(each, PARTITIONS)
    with TemporaryDirectory() as folder, (Path(folder) / "said.log").open("wb") as said:
        command = at.command(contender, topics, group, 0)
        running = subprocess.Popen(command, cwd=folder, env=environment(), stdout=said, stderr=said)
        try:
            printed = at.run_in_bench(
                "probe", "--bootstrap", at.bootstrap, "--input", topics[0], "--output", topics[1],
                "--rate", rate, "--seconds", seconds,
            )  # fmt: skip
        except subprocess.CalledProcessError as failed:
            tail = Path(said.name).read_text(encoding="utf-8", errors="replace")[-4000:]
            raise RuntimeError(f"{contender.name} should raise alerts, got none; it said:\n{tail}") from failed
        finally:
            running.kill()
            running.wait()
    at.remove(group)
    found: dict[str, Any] = json.loads(printed)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names with commas between")
    parser.add_argument("--rate", type=int, default=2_000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument(
        "--bootstrap", default="", help="of a broker that runs, of tests/kafka's version; without, one is started"
    )
    parser.add_argument("--result", type=Path, default=ROOT / "var" / "reference-latency.json")
    args = parser.parse_args()
    args.result.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {
        "machine": machine(), "versions": versions(), "rate": args.rate, "seconds": args.seconds, "contenders": {},
    }  # fmt: skip
    with scene(args.bootstrap) as at:
        for contender in chosen(args.only):
            found = measure(at, contender, args.rate, args.seconds)
            result["contenders"][contender.name] = found
            args.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            print(
                f"{contender.name:20} p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms, longest "
                f"{found['most_ms']:.1f} ms of {found['alerts']:,}; {found['missing']} missing",
                flush=True,
            )


if __name__ == "__main__":
    main()
