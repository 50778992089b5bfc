"""Whether casework can do its work: its store, that store beside the log, and verdicts on their way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casework.address import file_of
from casework.errors import StoreFailed, UnfitStore
from casework.fit import check_fit
from casework.outbox import verdicts_reach_log
from streams.diagnosis import fault, ok, skipped
from streams.errors import LogFailed, NoLog, UnknownTopic
from tillwatch.casework_store import open_store
from tillwatch.logs import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from casework.store import Store
    from streams.diagnosis import Finding
    from tillwatch.settings import Settings

_NO_STORE = "there is no store yet; `tillwatch casework file` makes it"


def casework(settings: Settings) -> Iterator[Finding]:
    """Store and verdicts; nothing of a store that nobody has made."""
    file = file_of(settings.casework_url)
    if file is not None and not file.exists():
        yield skipped("casework", _NO_STORE)
        yield skipped("verdicts", _NO_STORE)
        return
    try:
        with open_store(settings) as store:
            store.check_version()
            yield from _beside_log(settings, store)
    except (StoreFailed, UnfitStore, OSError) as error:
        cure = "correct casework_url and casework_password_file, or do as the message says: docs/casework.md"
        yield fault("casework", str(error), cure)
        yield skipped("verdicts", "the store cannot be used")


def _beside_log(settings: Settings, store: Store) -> Iterator[Finding]:
    try:
        with open_log(settings, make=False) as log:
            check_fit(store, log)
            yield ok("casework", f"the store is of version {store.version()}, and belongs to the log")
            name = log.topics.events.name
            if verdicts_reach_log(log):
                yield ok("verdicts", f"they can be written to {name}")
                return
            yield fault(
                "verdicts", f"{name} must be writable, or verdicts stay in casework and move no score; it is not",
                f"have WRITE on the topic {name} given to the user of casework",
            )  # fmt: skip
    except NoLog as error:
        yield ok("casework", f"the store is of version {store.version()}")
        yield skipped("verdicts", str(error))
    except (LogFailed, UnknownTopic) as error:
        yield skipped("casework", f"the log cannot be read: {error}")
        yield skipped("verdicts", "the log cannot be read")
