"""Dead letters that are forwarded again: each once, on both logs, however often and wherever a retry ends."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from domain.alerts import DeadLetter
from domain.cards import find_pans
from domain.events import Reason
from streams.dead_letters import Choice, find_letter, read_letters
from streams.errors import Fenced
from streams.retry import MOST_RETRIES, RETRIES, RetryRefused, Why, retry
from streams.topics import TOPICS, create_topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.log import Log
    from tests.streams.conftest import KafkaBackend, LogBackend, SqliteBackend

SALE = {
    "txn_id": "t", "merchant_id": "m1", "amount": 1200, "currency": "CNY", "event_time": 1_790_000_000_000,
    "received_at": 1_790_000_000_500, "feed": "pos",
}  # fmt: skip


def letter(
    position: int, reason: str = Reason.CAPACITY, source: str = "events-0", *, field: str = "", input_feed: str = "",
    record: str | None = None, **more: Any,
) -> DeadLetter:  # fmt: skip
    """A dead letter of a sale of its own; of `more` what is None is left out of the sale."""
    sale = {name: each for name, each in {**SALE, "txn_id": f"t{position}", **more}.items() if each is not None}
    return DeadLetter(
        reason=reason, field=field, message="it was so", source=source, position=position, feed=input_feed,
        record=json.dumps(sale) if record is None else record,
    )  # fmt: skip


def put(log: Log, *letters: DeadLetter, partition: int = 0) -> None:
    log.append(TOPICS.dead_letters.name, partition, [msgspec.json.encode(each) for each in letters])


def events(log: Log) -> list[dict[str, Any]]:
    """Every event in the log, by partition."""
    found, name = [], log.topics.events.name
    for partition in range(log.partitions(name)):
        offset = log.first_offset(name, partition)
        while len(records := log.read(name, partition, offset)):
            found += [msgspec.json.decode(records.value(i)) for i in range(len(records))]
            offset = int(records.offsets[-1]) + 1
    return found


def txns(log: Log) -> list[str]:
    return sorted(each["txn_id"] for each in events(log))


@pytest.fixture
def log(backend: LogBackend) -> Iterator[Log]:
    with backend.open() as opened:
        create_topics(opened, 2)
        opened.set_position(":feed:pos", 1)
        yield opened


@pytest.fixture
def embedded_log(embedded: SqliteBackend) -> Iterator[Log]:
    with embedded.open() as opened:
        create_topics(opened, 2)
        opened.set_position(":feed:pos", 1)
        yield opened


def test_each_is_forwarded_once_however_often_a_retry_is_repeated(log: Log) -> None:
    put(log, *(letter(each) for each in range(600)))
    put(log, letter(7), letter(601), partition=1)  # as a worker in another partition
    put(log, letter(7))  # as after a crash
    first = retry(log, Choice())
    assert (first.chosen, first.forwarded) == (602, 601)
    assert first.left == {Why.EARLIER: 1}
    assert retry(log, Choice()).left == {Why.EARLIER: 602}
    assert txns(log) == sorted(f"t{each}" for each in range(602) if each != 600)
    assert {each[RETRIES] for each in events(log)} == {1}


def test_a_retry_that_is_killed_in_its_transaction_leaves_nothing_and_the_next_forwards_all(
    backend: LogBackend, log: Log
) -> None:
    put(log, *(letter(each) for each in range(20)))
    process = backend.python(
        "import os\nfrom streams.dead_letters import Choice\nfrom streams.retry import retry\n"
        "log.set_position = lambda *_: os.kill(os.getpid(), 9)\nretry(log, Choice())"
    )
    process.communicate(60)
    assert process.returncode == -signal.SIGKILL
    assert retry(log, Choice()).forwarded == 20
    assert txns(log) == sorted(f"t{each}" for each in range(20))


@pytest.mark.slow
def test_a_retry_that_is_killed_between_two_transactions_is_gone_on_with(
    embedded: SqliteBackend, embedded_log: Log
) -> None:
    log = embedded_log
    put(log, *(letter(each) for each in range(700)))
    process = embedded.python(
        "import os\nfrom streams.dead_letters import Choice\nfrom streams.retry import retry\n"
        "retry(log, Choice(), on_progress=lambda _: os.kill(os.getpid(), 9))"
    )
    process.communicate(60)
    assert process.returncode == -signal.SIGKILL
    rest = retry(log, Choice())
    assert (rest.forwarded, rest.left[Why.EARLIER]) == (200, 500)
    assert txns(log) == sorted(f"t{each}" for each in range(700))


def test_of_two_retries_at_once_the_earlier_is_ended_and_nothing_is_doubled(
    on_kafka: KafkaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_kafka.open() as first, on_kafka.open() as second:
        create_topics(first, 2)
        first.set_position(":feed:pos", 1)
        put(first, *(letter(each) for each in range(20)))
        ended, append = [], first.append_each

        def second_comes_between(*given: Any, **more: Any) -> None:  # the first has read the marks by now
            ended.append(retry(second, Choice()))
            append(*given, **more)

        monkeypatch.setattr(first, "append_each", second_comes_between)
        with pytest.raises(Fenced):
            retry(first, Choice())
        assert [each.forwarded for each in ended] == [20]
        assert txns(second) == sorted(f"t{each}" for each in range(20))


def test_one_that_fails_again_is_counted_and_left_alone_after_the_last_retry(embedded_log: Log) -> None:
    log = embedded_log
    put(log, letter(0))
    for count in range(1, MOST_RETRIES + 1):
        assert retry(log, Choice()).forwarded == 1
        record = json.dumps(events(log)[-1])
        assert events(log)[-1][RETRIES] == count
        put(log, letter(100 + count, record=record))  # the worker refuses it again
    assert retry(log, Choice()).left == {Why.EARLIER: MOST_RETRIES, Why.EXHAUSTED: 1}
    assert retry(log, Choice(), most_retries=MOST_RETRIES + 1).forwarded == 1
    assert len(events(log)) == MOST_RETRIES + 1


def test_one_that_intake_would_refuse_still_is_left_and_keeps_no_mark(embedded_log: Log) -> None:
    log = embedded_log
    put(log, letter(1, "out-of-range", field="amount", amount=-5), letter(2, "not-json", record="?"))
    refused = retry(log, Choice(field="amount"))
    assert (refused.forwarded, refused.left) == (0, {Why.REFUSED: 1})
    assert "amount must be 0 to" in refused.examples[Why.REFUSED][1]
    assert retry(log, Choice()).left == {Why.REFUSED: 2}
    assert events(log) == []
    assert log.positions(":retried:") == []


def test_a_record_that_was_masked_is_read_again_at_its_offset_and_never_forwarded_masked(embedded_log: Log) -> None:
    log = embedded_log
    notes = {f"note_{each}": f"7*11 {'x' * 2000}" for each in range(3)}
    whole = json.dumps({**SALE, **notes}).encode()
    log.append("events", 0, [b"{}", whole])
    put(log, letter(1, record='{"note_0": "7*11 xx'))
    put(log, letter(900), letter(3, source="june.jsonl", record=json.dumps({**SALE, "note": f"{'*' * 12}7894"})))
    put(log, letter(901, record="", reason=Reason.BROKEN_BATCH))
    done = retry(log, Choice())
    assert (done.forwarded, done.left) == (2, {Why.UNREADABLE: 2})
    assert done.examples[Why.UNREADABLE][1].endswith("ingest line 3 of june.jsonl again")
    again = [each for each in events(log) if RETRIES in each and each["txn_id"] == "t"]
    assert [{name: each[name] for name in notes} for each in again] == [notes]


def test_a_line_of_an_input_counts_under_its_feed_from_when_it_was_refused(embedded_log: Log) -> None:
    log = embedded_log
    old: dict[str, Any] = {"feed": None, "received_at": None}
    put(log, letter(1, source="june.jsonl", input_feed="pos", **old))
    put(log, letter(2, source="june.jsonl", **old), letter(3, feed="west"))
    (first, *_) = read_letters(log)
    done = retry(log, Choice())
    assert (done.forwarded, done.left) == (1, {Why.UNKNOWN_FEED: 2})
    (event,) = events(log)
    assert (event["feed"], event["received_at"]) == ("pos", first.appended_ms)


def test_old_records_move_no_clock_and_clock_records_are_left(embedded_log: Log) -> None:
    log = embedded_log
    put(log, *(letter(each, event_time=SALE["event_time"] + each * 600_000) for each in range(5)))
    put(log, letter(9, Reason.FUTURE, record='{"type":"clock","feed":"pos","event_time":4000000000000}'))
    assert retry(log, Choice(), historic=True).left == {Why.CLOCK: 1}
    assert [each.get("type") for each in events(log)] == [None] * 5


def test_a_dry_run_counts_the_same_and_writes_nothing(embedded_log: Log) -> None:
    log = embedded_log
    put(log, letter(1), letter(2), letter(3, record="?"))
    tried = retry(log, Choice(), dry_run=True)
    assert events(log) == []
    assert log.positions(":retried:") == []
    assert (tried.forwarded, tried.left) == (2, retry(log, Choice()).left)


def test_reason_field_feed_and_time_choose(embedded_log: Log) -> None:
    log = embedded_log
    put(log, letter(1, "late"), letter(2, "out-of-range", field="mcc"), letter(3, "late", feed=None, input_feed="pos"))
    all_ = list(read_letters(log))
    now_ms = all_[-1].appended_ms

    def positions(**choice: Any) -> list[int]:
        return [each.value.position for each in read_letters(log, Choice(**choice))]

    assert positions(reason="late") == [1, 3]
    assert positions(field="mcc") == [2]
    assert positions(field="") == [1, 3]
    assert positions(feed="pos") == [1, 2, 3]
    assert positions(feed="west") == positions(from_ms=now_ms + 1) == positions(until_ms=all_[0].appended_ms) == []
    assert positions(from_ms=all_[0].appended_ms, until_ms=now_ms + 1) == [1, 2, 3]
    assert find_letter(log, 0, 1) == all_[1]
    assert find_letter(log, 0, 3) is None


def test_no_mark_looks_like_a_card_number(embedded_log: Log) -> None:
    log = embedded_log
    put(log, *(letter(each * 62_000_000, source=f"file-{each}.jsonl") for each in range(300)))
    assert retry(log, Choice()).forwarded == 300
    names = log.positions("")
    assert len([each for each in names if each.startswith(":retried:")]) == 300
    assert [each for each in names if find_pans(each)] == []


def test_dead_letters_of_an_acquirers_own_topic_are_its_producers_to_send_again(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
        create_topics(log, 2)
        log.create_topic("switch.out", 2)
        log.topics = TOPICS.reading("switch.out")
        with pytest.raises(RetryRefused, match=r"retried by who writes topic 'switch\.out'"):
            retry(log, Choice())


@pytest.mark.parametrize("most", [0, -1])
def test_a_record_may_be_retried_at_least_once(embedded_log: Log, most: int) -> None:
    with pytest.raises(ValueError, match=f"most_retries must be at least 1, got {most}"):
        retry(embedded_log, Choice(), most_retries=most)
