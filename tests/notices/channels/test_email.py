"""Mails: each recipient's fate is their own, and a cut after the text leaves it open."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from notices.channels.contract import Address
from notices.channels.email_smtp import Email, EmailOptions
from notices.channels.registry import make_channels
from notices.channels.secret import Secret
from tests.kafka.certificates import Certificates
from tests.notices.channels.far_side import LINK, MESSAGE, Clock
from tests.notices.channels.mail_server import MailServer
from tests.parts import require

if TYPE_CHECKING:
    from pathlib import Path

    from notices.channels.contract import Outcome

WANG, LI = Address("u-wang", "wang@acquirer.example", "王芳"), Address("u-li", "li@acquirer.example", "李强")
PASSWORD = "hunter2-of-the-mailbox"


def channel(port: int, clock: Clock | None = None, password: str = "", timeout_s: float = 10.0, **more: Any) -> Email:
    options = EmailOptions(
        host="127.0.0.1", port=port, security=more.pop("security", "none"), sender="tillwatch@acquirer.example",
        sender_name="商户服务", **more,
    )  # fmt: skip
    return Email("mail", options, Secret(password) if password else None, clock or Clock(), timeout_s=timeout_s)


def send(server: MailServer, *to: Address, message: Any = MESSAGE, **more: Any) -> list[Outcome]:
    return asyncio.run(channel(server.port, **more).send(message, to or (WANG,)))


def test_a_mail_is_sent_when_the_server_took_it() -> None:
    with MailServer() as server:
        (outcome,) = send(server)
    assert (outcome.status, outcome.said) == ("sent", "250 queued as 4F2A")
    ((sender, to, raw),) = server.mails
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert "tillwatch@acquirer.example" in sender
    assert to == WANG.to
    assert mail["Message-ID"] == outcome.message_id
    assert (mail["Subject"], mail["Auto-Submitted"]) == (MESSAGE.title, "auto-generated")
    assert mail["To"].addresses[0].display_name == "王芳"
    assert mail["From"].addresses[0].display_name == "商户服务"
    assert mail.get_content().strip() == MESSAGE.text


def test_each_recipient_has_a_mail_of_their_own() -> None:
    with MailServer() as server:
        outcomes = send(server, WANG, LI)
    assert [each.status for each in outcomes] == ["sent", "sent"]
    assert [to for _, to, _ in server.mails] == [WANG.to, LI.to]
    assert not any(LI.to.encode() in raw for _, to, raw in server.mails if to == WANG.to)
    assert outcomes[0].message_id != outcomes[1].message_id


def test_the_message_id_is_the_same_at_every_attempt() -> None:
    with MailServer() as server:
        first, again = send(server)[0], send(server)[0]
        other = send(server, message=replace(MESSAGE, notice_id="n-2"))[0]
    assert first.message_id == again.message_id != other.message_id


PARTIAL = [
    ("550 no such user", "refused"), ("450 greylisted, come back", "retry"), ("452 mailbox full", "retry"),
    ("553 not allowed", "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "status"), PARTIAL)
def test_a_refused_recipient_does_not_keep_the_mail_from_the_others(reply: str, status: str) -> None:
    with MailServer() as server:
        server.rules.replies = {f"RCPT {LI.to}": reply}
        outcomes = send(server, LI, WANG)
    assert [each.status for each in outcomes] == [status, "sent"]
    assert outcomes[0].said == reply
    assert [to for _, to, _ in server.mails] == [WANG.to]


@pytest.mark.parametrize(
    ("step", "reply", "status"),
    [
        ("MAIL", "451 try later", "retry"), ("MAIL", "550 sender not allowed", "refused"),
        ("DATA", "554 no", "refused"), ("DATA", "451 busy", "retry"),
        ("DATA END", "554 looks like spam", "refused"), ("DATA END", "452 no space", "retry"),
        ("DATA END", "cut", "unknown"), ("DATA END", "hang", "unknown"),
        ("CONNECT", "421 too many", "retry"), ("CONNECT", "hang", "retry"), ("CONNECT", "cut", "retry"),
        ("MAIL", "cut", "retry"), ("DATA", "cut", "retry"), (f"RCPT {WANG.to}", "hang", "retry"),
    ],
)  # fmt: skip
def test_nothing_is_sent_that_the_server_did_not_take(step: str, reply: str, status: str) -> None:
    with MailServer() as server:
        server.rules.replies = {step: reply}
        (outcome,) = send(server, timeout_s=0.4 if reply == "hang" else 10.0)
    assert (outcome.status, outcome.message_id, outcome.was_tried) == (status, "", True)
    assert outcome.said
    assert server.mails == []


def test_after_a_cut_the_rest_is_tried_again() -> None:
    with MailServer() as server:
        server.rules.replies = {"DATA END": "cut"}
        outcomes = send(server, WANG, LI)
    assert [each.status for each in outcomes] == ["unknown", "retry"]


def test_where_nobody_listens_it_pauses() -> None:
    clock = Clock()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        mail = channel(taken.getsockname()[1], clock)
        (outcome,) = asyncio.run(mail.send(MESSAGE, [WANG]))
        assert (outcome.status, outcome.was_tried) == ("retry", True)
        hold = mail.hold("n", urgent=False)
        assert hold
        assert 1 <= hold.wait_s <= 2
        (held,) = asyncio.run(mail.send(MESSAGE, [WANG]))
        assert (held.status, held.was_tried) == ("retry", False)
        clock.now_s += 3
        assert mail.hold("n", urgent=False) is None


def test_no_more_mails_go_out_than_the_budget() -> None:
    with MailServer() as server:
        outcomes = send(server, *[Address(f"u-{each}", f"u{each}@acquirer.example") for each in range(4)], per_minute=3)
    assert [each.status for each in outcomes] == ["sent"] * 3 + ["retry"]
    assert (outcomes[3].was_tried, outcomes[3].retry_after_s) == (False, 60.0)


@pytest.mark.parametrize(
    "to", ["", "wang", "wang@", "a@b\r\nRCPT TO:<evil@x.example>", "a b@c.example", "<a@b.example>"]
)
def test_who_has_no_address_is_refused_and_the_others_are_told(to: str) -> None:
    with MailServer() as server:
        outcomes = send(server, Address("u-odd", to), WANG)
    assert [(each.status, each.was_tried) for each in outcomes] == [("refused", False), ("sent", True)]
    assert not any("evil" in each for each in server.commands)


def test_no_title_adds_a_header() -> None:
    with MailServer() as server:
        send(
            server,
            Address("u", WANG.to, "王\r\nBcc: evil@x.example"),
            message=replace(MESSAGE, title="a\r\nBcc: evil@x.example"),
        )
    mail = email.message_from_bytes(server.mails[0][2], policy=email.policy.default)
    assert "Bcc" not in mail


def test_lines_that_begin_with_a_dot_arrive() -> None:
    with MailServer() as server:
        send(server, message=replace(MESSAGE, text=f".\n..two\n{LINK}"))
    mail = email.message_from_bytes(server.mails[0][2], policy=email.policy.default)
    assert mail.get_content().split() == [".", "..two", LINK]


def test_a_wrong_password_is_told_without_it() -> None:
    with MailServer() as server:
        server.rules.replies = {"AUTH": f"535 bad password {PASSWORD}"}
        (outcome,) = send(server, password=PASSWORD, user="till", password_file="x")
    assert outcome.status == "retry"
    assert outcome.said == "the mail server could not be used: 535 bad password ***"


def test_starttls_is_spoken_with_a_server_that_somebody_vouches_for(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    require(certificates.make)
    with MailServer() as server:
        server.rules.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.rules.context.load_cert_chain(certificates.server)
        (outcome,) = send(server, security="starttls", ca_file=str(certificates.authority))
        assert outcome.status == "sent"
        (stranger,) = send(server, security="starttls")
    assert stranger.status == "retry"
    assert "certificate verify failed" in stranger.said.lower()
    assert len(server.mails) == 1


def test_without_starttls_nothing_goes_out_in_the_clear() -> None:
    with MailServer() as server:
        (outcome,) = send(server, security="starttls", password=PASSWORD, user="till", password_file="x")
    assert outcome.status == "retry"
    assert "STARTTLS" in outcome.said
    assert server.mails == []
    assert not any("AUTH" in each for each in server.commands)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"security": "none"}, "security must be starttls or tls, got none for mail.example"),
        ({"security": "ssl"}, "security must be one of starttls, tls, none, got 'ssl'"),
        ({"user": "till"}, "user and password_file must be set together"),
        ({"sender": "Till <till@x.example>"}, "sender must be an e-mail address"),
        ({"port": 70_000}, "port must be 1 to 65535, got 70000"),
    ],
)
def test_settings_that_do_not_fit_are_refused(more: dict[str, Any], said: str) -> None:
    table = {"kind": "email", "host": "mail.example", "sender": "till@x.example"} | more
    with pytest.raises(ValueError, match=r"channels\.mail") as error:
        make_channels({"mail": table})
    assert said in str(error.value)
