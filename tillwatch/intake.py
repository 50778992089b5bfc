"""`tillwatch intake`."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from uvicorn import Config, Server

from console.guard import hosts_of
from console.intake import make_intake
from streams.endpoint import read_token
from streams.errors import LogFailed
from streams.receiver import Receiver
from tillwatch.language import lang_option, speaker
from tillwatch.logs import open_log
from tillwatch.pan_options import PanOptions, pan_options, tokens_of
from tillwatch.settings import SettingsError
from tillwatch.show import failing, to_stderr
from tillwatch.stopping import tie_to_stdin

if TYPE_CHECKING:
    from streams.log import Log
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

_CLOSE_S = 10
"""How long requests may take to end when the server does."""
_MOST_CONNECTIONS = 500


@click.command("intake")
@click.option("--port", type=click.IntRange(1, 65_535), help="The port; the setting intake_port by default.")
@click.option("--name", default="intake", show_default=True, help="Name under which keys and clocks are kept.")
@click.option("--tied", is_flag=True, hidden=True, help="End when standard input does.")
@pan_options
@lang_option
@click.pass_obj
def command(invocation: Invocation, /, port: int | None, name: str, lang: str, *, tied: bool, **asked: Any) -> None:
    """Take events that programs post over HTTP, POST /api/v1/events, into the log.

    It goes on until Ctrl-C, and needs no casework: a request carries the token of the setting intake_token_file.
    Events are checked and masked as `tillwatch ingest` does, and are answered for once they are durable. Of several
    that write to one log each must have another --name.

    \b
    Examples:
      tillwatch intake
      tillwatch intake --name intake-2 --port 8645
      tillwatch intake --pan-field pan --token-key card.key --token-key-id k2026
    """
    if tied:
        tie_to_stdin()
    settings = invocation.settings()
    check_exposure(settings)
    if not settings.intake_token_file:
        raise SettingsError("intake_token_file must name a file with a token: openssl rand -hex 32 makes one")
    with failing(ValueError):
        token = read_token(Path(settings.intake_token_file))
    open_log(settings).close()  # what is wrong with it is found now, not by the first request
    tokens = tokens_of(PanOptions(**asked))
    receiver = Receiver(lambda: _log_of(settings), name, settings.feeds(), settings.late_s, tokens)
    hosts = hosts_of(
        settings.intake_url, settings.intake_host, is_loopback=ip_address(settings.intake_host).is_loopback
    )
    config = Config(
        make_intake(receiver, token, hosts), host=settings.intake_host, port=port or settings.intake_port,
        log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_CLOSE_S,
        limit_concurrency=_MOST_CONNECTIONS,
        ssl_certfile=settings.intake_cert_file or None, ssl_keyfile=settings.intake_key_file or None,
    )  # fmt: skip
    address = address_of(settings, port)
    say = speaker(lang)
    to_stderr().print(say(f"events are taken at {address}", f"事件接收地址：{address}"))
    Server(config).run()


def check_exposure(settings: Settings) -> None:
    """Refuse to take events and a token in the clear from other machines; raises SettingsError."""
    is_safe = settings.intake_cert_file or settings.intake_url.startswith("https://")
    if not ip_address(settings.intake_host).is_loopback and not is_safe:
        raise SettingsError(
            "intake_host must be this machine's loopback unless intake_cert_file is given, or intake_url is that of"
            f" a proxy with TLS, https://…; got {settings.intake_host}"
        )


def address_of(settings: Settings, port: int | None = None) -> str:
    """Where programs post."""
    host = f"[{settings.intake_host}]" if ":" in settings.intake_host else settings.intake_host
    own = f"{'https' if settings.intake_cert_file else 'http'}://{host}:{port or settings.intake_port}"
    return f"{(settings.intake_url or own).rstrip('/')}/api/v1/events"


def _log_of(settings: Settings) -> Log:
    """The settings' log; raises NoLog, LogFailed."""
    try:
        return open_log(settings)
    except (click.ClickException, ValueError, OSError) as error:
        raise LogFailed(str(error)) from error
