"""E-mail over SMTP, with TLS: `docs/channels/email.md`.

Each recipient gets a mail of their own over one connection, so that nobody sees who else is told, and a refusal is
theirs alone. A Message-ID is the same at every attempt, by which a mailbox may drop a repetition.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

from notices.channels.asking import refused_for_all
from notices.channels.contract import Budget, Outcome
from notices.channels.guard import LOOPBACK_NAMES
from notices.channels.options import Options, at_least, one_of
from notices.channels.pace import Pace
from notices.channels.secret import read_secret
from notices.channels.words import fitted, masked, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notices.channels.contract import Address, Hold, Message, Status
    from notices.channels.secret import Secret

MOST_BYTES = 50_000
TIMEOUT_S = 10.0
SECURITY = ("starttls", "tls", "none")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


class EmailOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table of the kind `email` sets.

    Attributes:
        host: the mail server.
        port: 587 for STARTTLS, 465 for TLS from the start.
        security: `starttls`, `tls`, or `none`, which only this machine may be asked with.
        user: who signs in; "" where nobody does.
        password_file: the password.
        ca_file: certificates in PEM; "" for the system's.
        sender: the address that mails come from.
        sender_name: what it is called.
        per_minute: messages within any 60 s.
    """

    host: str
    sender: str
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password_file: str = ""
    ca_file: str = ""
    sender_name: str = ""
    per_minute: int = 60

    def check(self) -> None:
        """Refuse what does not fit together."""
        one_of("security", self.security, SECURITY)
        at_least("per_minute", self.per_minute, 1)
        if self.security == "none" and self.host not in LOOPBACK_NAMES:
            raise ValueError(f"security must be starttls or tls, got none for {self.host}: mails would go in the clear")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file must be set together")
        if not _ADDRESS.fullmatch(self.sender):
            raise ValueError(f"sender must be an e-mail address, got {self.sender!r}")
        if not 1 <= self.port <= 65_535:
            raise ValueError(f"port must be 1 to 65535, got {self.port}")


@dataclass(frozen=True, slots=True)
class _Said:
    """What became of one mail, and whether the connection still serves."""

    status: Status
    said: str
    goes_on: bool = True


class Email:
    """Mails by one server.

    Args:
        name: as the settings call it.
        options: its table.
        password: of its user; None for no user.
        now_s: tells the time, seconds since 1970.
        timeout_s: for each step of the conversation.
    """

    kind = "email"
    most_bytes = MOST_BYTES

    def __init__(
        self, name: str, options: EmailOptions, password: Secret | None, now_s: Callable[[], float],
        timeout_s: float = TIMEOUT_S,
    ) -> None:  # fmt: skip
        self.name = name
        self.budgets = (Budget(options.per_minute, 60.0),)
        self._options, self._password, self._now_s, self._timeout_s = options, password, now_s, timeout_s
        self._pace = Pace(self.budgets)
        self._secrets = (password.value,) if password else ()

    def hold(self, notice_id: str, *, urgent: bool) -> Hold | None:  # noqa: ARG002  mails are held alike
        """What keeps a notice back now."""
        return self._pace.hold(self._now_s())

    async def send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        """Send one mail to each recipient, once."""
        found: dict[Address, Outcome] = {}
        wrong = [each for each in recipients if not _ADDRESS.fullmatch(each.to)]
        found.update({each.address: each for each in refused_for_all(wrong, "to must be an e-mail address")})
        ready = []
        for each in recipients:
            if each in found:
                continue
            if hold := self._pace.hold(self._now_s()):
                found[each] = Outcome(
                    address=each, status="retry", said=hold.said, retry_after_s=hold.wait_s, was_tried=False
                )
                continue
            self._pace.asks(self._now_s())
            ready.append(each)
        if ready:
            said = await asyncio.to_thread(self._converse, message, ready)
            self._keep_pace(said, message)
            found.update({each: self._outcome(message, each, what) for each, what in zip(ready, said, strict=True)})
        return [found[each] for each in recipients]

    def _keep_pace(self, said: list[_Said], message: Message) -> None:
        if any(each.status in {"sent", "refused"} for each in said):
            self._pace.went()
        elif not any(each.goes_on for each in said):
            self._pace.failed(self._now_s(), None, message.notice_id)

    def _outcome(self, message: Message, address: Address, what: _Said) -> Outcome:
        message_id = message_id_of(message, address, self._options.sender) if what.status == "sent" else ""
        return Outcome(
            address=address, status=what.status, message_id=message_id, said=masked(what.said, self._secrets)
        )

    def _converse(self, message: Message, recipients: Sequence[Address]) -> list[_Said]:
        """One connection; what it could not serve is tried again."""
        found: list[_Said] = []
        try:
            smtp = self._connect()
        except (smtplib.SMTPException, OSError) as error:
            return [_Said("retry", f"the mail server could not be used: {_words(error)}", goes_on=False)] * len(
                recipients
            )
        try:
            for each in recipients:
                found.append(self._mail(smtp, message, each))
                if not found[-1].goes_on:
                    break
        finally:
            _close(smtp)
        left = len(recipients) - len(found)
        return found + [_Said("retry", "the mail server ended the connection before", goes_on=False)] * left

    def _connect(self) -> smtplib.SMTP:
        options, tls = self._options, ssl.create_default_context(cafile=self._options.ca_file or None)
        ours = options.sender.partition("@")[2]
        if options.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                options.host, options.port, local_hostname=ours, timeout=self._timeout_s, context=tls
            )
        else:
            smtp = smtplib.SMTP(options.host, options.port, local_hostname=ours, timeout=self._timeout_s)
        try:
            if options.security == "starttls":
                smtp.starttls(context=tls)
            if self._password:
                smtp.login(options.user, self._password.value)
        except BaseException:
            _close(smtp)
            raise
        return smtp

    def _mail(self, smtp: smtplib.SMTP, message: Message, address: Address) -> _Said:
        """One mail; a cut after its text was sent leaves open whether it was taken."""
        handed_over = False
        try:
            smtp.ehlo_or_helo_if_needed()
            for code, words in (smtp.mail(self._options.sender), smtp.rcpt(address.to)):
                if code not in {250, 251}:
                    smtp.rset()
                    return _refusal(code, words)
            code, words = smtp.docmd("DATA")
            if code != 354:
                smtp.rset()
                return _refusal(code, words)
            handed_over = True
            smtp.send(_dotted(self._written(message, address)))
            code, words = smtp.getreply()
        except ValueError as error:
            return _Said("refused", str(error))
        except (smtplib.SMTPException, OSError) as error:
            return _Said(
                "unknown" if handed_over else "retry", f"the connection was cut: {_words(error)}", goes_on=False
            )
        if code != 250:
            return _refusal(code, words)
        return _Said("sent", f"{code} {_text(words)}")

    def _written(self, message: Message, address: Address) -> bytes:
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = one_line(message.title, 200)
        mail["From"] = MailAddress(self._options.sender_name, addr_spec=self._options.sender)
        mail["To"] = MailAddress(one_line(address.name, 100), addr_spec=address.to)
        mail["Date"] = format_datetime(datetime.fromtimestamp(int(self._now_s()), UTC))
        mail["Message-ID"] = message_id_of(message, address, self._options.sender)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(fitted(message.text, MOST_BYTES, message.link), cte="base64")
        return mail.as_bytes()


def message_id_of(message: Message, address: Address, sender: str) -> str:
    """The Message-ID of a notice to somebody: the same at every attempt."""
    words = f"{message.notice_id}\n{address.recipient_id}\n{address.to}"
    return f"<{hashlib.sha256(words.encode()).hexdigest()[:32]}@{sender.partition('@')[2]}>"


def make(name: str, options: EmailOptions, now_s: Callable[[], float]) -> Email:
    """The channel of a table; raises ValueError or OSError for its file."""
    password = read_secret(options.password_file) if options.password_file else None
    return Email(name, options, password, now_s)


def _refusal(code: int, words: bytes) -> _Said:
    said = f"{code} {_text(words)}"
    if 500 <= code < 600:
        return _Said("refused", said)
    return _Said("retry", said, goes_on=code != 421)


def _dotted(mail: bytes) -> bytes:
    return re.sub(rb"(?m)^\.", b"..", mail).removesuffix(b"\r\n") + b"\r\n.\r\n"


def _text(words: bytes | str) -> str:
    return one_line(words.decode(errors="replace") if isinstance(words, bytes) else words)


def _words(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _close(smtp: smtplib.SMTP) -> None:
    """End politely if the server still listens; what was said of mails stands."""
    try:
        smtp.quit()
    except (smtplib.SMTPException, OSError):
        smtp.close()
