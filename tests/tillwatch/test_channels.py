"""`tillwatch channels`: what settings name, and one message that says it is a test."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.notices.channels.far_side import KEY, FarSide, Say
from tests.tillwatch.conftest import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def answering(*answers: Say) -> Iterator[FarSide]:
    """A far side in a thread of its own."""
    far, started, loop = FarSide(*answers), threading.Event(), asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with far:
            started.set()
            await done.wait()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(30)
    try:
        yield far
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()


def called(*arguments: str | Path) -> tuple[int, str, str]:
    """Run the command line: exit code, standard output, standard error."""
    result = call(*arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with a robot at nobody's port, and a list to print."""
    return settings(tmp_path, "http://127.0.0.1:1/send")


def settings(folder: Path, url: str) -> Path:
    key, file = folder / "key", folder / "tillwatch.toml"
    key.touch(mode=0o600)
    key.write_text(KEY + "\n")
    file.write_text(
        f"[channels.desk]\nkind = 'wecom'\nkey_file = '{key}'\nurl = '{url}'\nhosts = '127.0.0.1'\nloopback = true\n"
        f"[channels.paper]\nkind = 'printed'\nfolder = '{folder}/lists'\n"
    )
    return file


def test_the_channels_of_the_settings_are_listed(config: Path) -> None:
    code, out, _ = called("--config", config, "channels", "list", "--json")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {"name": "desk", "kind": "wecom", "most_bytes": 2048, "per_minute": 18.0},
        {"name": "paper", "kind": "printed", "most_bytes": 200000, "per_minute": None},
    ]
    shown = called("--config", config, "channels", "list", "--lang", "zh")[1]
    assert "通知通道" in shown
    assert "desk" in shown


def test_a_test_says_that_it_is_one_and_what_the_far_side_answered(tmp_path: Path) -> None:
    with answering(Say({"errcode": 0, "errmsg": "ok"}), Say({"errcode": 93000, "errmsg": f"invalid key {KEY}"})) as far:
        config = settings(tmp_path, far.url)
        assert called("--config", config, "channels", "test", "desk", "--to", "13800000001")[:2] == (0, "sent\n")
        content = far.asked[0].body["text"]
        assert "test message" in content["content"]
        assert content["mentioned_mobile_list"] == ["13800000001"]
        code, out, _ = called("--config", config, "channels", "test", "desk", "--lang", "zh")
    assert (code, out) == (1, "被拒绝：errcode 93000: invalid key ***\n")


def test_a_list_is_written_too(config: Path) -> None:
    code, out, _ = called("--config", config, "channels", "test", "paper", "--json")
    told = json.loads(out)
    assert (code, told["status"]) == (0, "sent")
    assert "nothing is to be done" in (config.parent / "lists" / told["message_id"]).read_text()


def test_a_channel_that_is_none_and_a_secret_that_others_may_read_end_in_a_line(config: Path) -> None:
    code, _, said = called("--config", config, "channels", "test", "fax")
    assert code == 1
    assert "NAME must be one of desk, paper, got fax" in said
    (config.parent / "key").chmod(0o644)
    code, _, said = called("--config", config, "channels", "list")
    assert code == 1
    assert "must have mode 0600, got 0644" in said
