"""Who takes part: a name, a command line, and the share of the records it gets."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_RECORDS = 100_000


@dataclass(frozen=True, slots=True)
class Contender:
    """One contender, as the harness starts it.

    Args:
        name: as in the results.
        command: the start of its command line, to which the harness adds what job.md names. In it `{bench}` stands for
            the Python that has requirements.txt, `{python}` for Tillwatch's own, `{root}` for the repository.
        variant: passed on, unless it is empty.
        share: of the records; a slow contender gets fewer, at least LEAST_RECORDS.
        build: a command that makes what it needs; run once before the first round.
    """

    name: str
    command: tuple[str, ...]
    variant: str = ""
    share: float = 1.0
    build: tuple[str, ...] = ()

    def records(self, of: int) -> int:
        """How many of that many records it gets.

        >>> Contender("slow", (), share=0.05).records(3_000_000)
        150000
        >>> Contender("slow", (), share=0.05).records(200_000)
        100000
        """
        return min(of, max(LEAST_RECORDS, round(of * self.share)))


_SLOW = 0.05
_JAVA = ("java", "-Xms2g", "-Xmx2g", "-XX:+UseSerialGC", "-jar")
_STREAMS = (*_JAVA, "{root}/bench/reference/java/streams/target/streams.jar")
_FLINK = (*_JAVA, "{root}/bench/reference/java/flink/target/flink.jar")
_MAVEN = ("mvn", "-q", "-f", "{root}/bench/reference/java/pom.xml", "package", "dependency:copy-dependencies")
CONTENDERS = (
    Contender("bytewax-memory", ("{bench}", "-m", "bench.reference.bytewax_job"), "memory"),
    Contender("bytewax-recovery", ("{bench}", "-m", "bench.reference.bytewax_job"), "recovery"),
    Contender("quix", ("{bench}", "-m", "bench.reference.quix"), "rocksdb", 0.5),
    Contender("faust-memory", ("{bench}", "-m", "bench.reference.faust_plain"), "memory", _SLOW),
    Contender("faust-table", ("{bench}", "-m", "bench.reference.faust_plain"), "table", _SLOW),
    Contender("flink-heap", _FLINK, "heap", build=_MAVEN),
    Contender("flink-rocksdb", _FLINK, "rocksdb", build=_MAVEN),
    Contender("kafka-streams-cache", _STREAMS, "cache", build=_MAVEN),
    Contender("kafka-streams-nocache", _STREAMS, "nocache", build=_MAVEN),
)
"""In the order of the results. The first of those that run is what the others are compared with."""


def chosen(names: str) -> tuple[Contender, ...]:
    """The contenders of a list with commas, in that order; all of them if it is empty."""
    known = {each.name: each for each in CONTENDERS}
    unknown = [name for name in names.split(",") if name and name not in known]
    if unknown:
        raise ValueError(f"contenders must be among {', '.join(known)}, got {', '.join(unknown)}")
    return tuple(known[name] for name in names.split(",")) if names else CONTENDERS
