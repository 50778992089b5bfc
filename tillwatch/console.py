"""`tillwatch console`."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click
from uvicorn import Config

from casework.files import Files
from casework.logins import has_users, make_link
from casework.people import SYSTEM, put_user
from console.app import make_app
from console.guard import hosts_of
from console.page import Console
from console.server import Server
from streams.errors import LogFailed
from streams.log import now_utc_ms
from tillwatch.casework_store import open_store
from tillwatch.language import lang_option, speaker
from tillwatch.logs import open_log
from tillwatch.routing import routing_of
from tillwatch.settings import SettingsError
from tillwatch.show import to_stderr
from tillwatch.start import loaded_for_long
from tillwatch.stopping import tie_to_stdin

if TYPE_CHECKING:
    from casework.store import Store
    from streams.log import Log
    from tillwatch.cli import Invocation
    from tillwatch.language import Say
    from tillwatch.settings import Settings

_LINK_MS = 3_600_000
_CLOSE_S = 3
"""How long requests may take to end when the console does."""


@click.command("console")
@click.option("--port", type=click.IntRange(1, 65_535), help="The port; the setting console_port by default.")
@click.option("--link", "user_id", metavar="USER", help="Print a link that signs a user in once, within an hour.")
@click.option("--demo", is_flag=True, hidden=True, help="Have users of a demonstration, and print a link of one.")
@click.option("--tied", is_flag=True, hidden=True, help="End when standard input does.")
@lang_option
@click.pass_obj
def command(
    invocation: Invocation, port: int | None, user_id: str | None, lang: str, *, demo: bool, tied: bool
) -> None:  # fmt: skip
    """Serve the pages of casework: queue, cases, merchants, portfolio, and the API.

    It goes on until Ctrl-C. Started on a store without users it prints a link that makes the first one. What it shows
    is filed by `tillwatch casework file`, which runs beside it.

    \b
    Examples:
      tillwatch console
      tillwatch console --link wang.li
    """
    if tied:
        tie_to_stdin()
    settings = invocation.settings()
    check_exposure(settings)
    with open_store(settings) as store:
        store.check_version(make=True)
        address = address_of(settings, port)
        if demo:
            _make_demo_users(store)
            user_id = "demo"
        if user_id or not has_users(store):
            _print_link(store, address, user_id, speaker(lang))
        console = Console(
            store=store, zone=settings.time_zone, now_ms=now_utc_ms, public_url=settings.console_url,
            is_https=address.startswith("https:"), files=Files(Path(settings.casework_files)),
            hosts=hosts_of(
                settings.console_url, settings.console_host,
                is_loopback=ip_address(settings.console_host).is_loopback,
            ),
            metrics_token=settings.health_token(),
            open_log=lambda: log_of(settings), version_0=settings.control, routing=lambda: routing_of(settings),
            feeds=settings.feeds(), overlap_s=settings.late_s,
        )  # fmt: skip
        server = Server(_config(settings, console, port))
        loaded_for_long()
        server.run()


def log_of(settings: Settings) -> Log:
    """The settings' log; raises NoLog, LogFailed."""
    try:
        return open_log(settings, make=False)
    except (click.ClickException, ValueError, OSError) as error:
        raise LogFailed(str(error)) from error


def check_exposure(settings: Settings) -> None:
    """Refuse to serve passwords in the clear to other machines; raises SettingsError."""
    is_safe = settings.console_cert_file or settings.console_url.startswith("https://")
    if not ip_address(settings.console_host).is_loopback and not is_safe:
        raise SettingsError(
            "console_host must be this machine's loopback unless console_cert_file is given, or console_url is that of"
            f" a proxy with TLS, https://…; got {settings.console_host}"
        )


def address_of(settings: Settings, port: int | None = None) -> str:
    """Where browsers reach the console, without a slash at its end."""
    if settings.console_url:
        return settings.console_url.rstrip("/")
    host = f"[{settings.console_host}]" if ":" in settings.console_host else settings.console_host
    return f"{'https' if settings.console_cert_file else 'http'}://{host}:{port or settings.console_port}"


def _config(settings: Settings, console: Console, port: int | None) -> Config:
    return Config(
        make_app(console), host=settings.console_host, port=port or settings.console_port, log_level="warning",
        access_log=False, server_header=False, timeout_graceful_shutdown=_CLOSE_S,
        ssl_certfile=settings.console_cert_file or None, ssl_keyfile=settings.console_key_file or None,
        proxy_headers=bool(settings.console_proxies), forwarded_allow_ips=settings.console_proxies or None,
    )  # fmt: skip


def _print_link(store: Store, address: str, user_id: str | None, say: Say) -> None:
    link = f"{address}/login/{make_link(store, user_id, now_utc_ms(), _LINK_MS)}"
    does = say("makes the first user", "用于创建首个用户")
    if user_id:
        does = say(f"signs {user_id} in", f"供{user_id}登录")
    told = say(f"this link {does}, once, within an hour:", f"此链接{does}，一小时内有效，限用一次：")
    to_stderr().print(told)
    to_stderr().print(link, soft_wrap=True)


def _make_demo_users(store: Store) -> None:
    """Users of a demonstration, whom nobody can sign in as but with a link."""
    now_ms = now_utc_ms()
    roles = {"demo": ("analyst", "lead", "admin", "rule_editor"), "second": ("analyst", "lead")}
    for name, each in roles.items():
        put_user(store, SYSTEM, name, name.capitalize(), each, now_ms)
