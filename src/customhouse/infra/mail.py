"""One letter to one person by SMTP, in plain text.

A letter is built from checked parts, never from lines: an address is an address and nothing else, so that no name,
reason or address of a stranger can add a header or another recipient (attack A50).
"""

from __future__ import annotations

import re
import smtplib
import ssl
import textwrap
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Literal

from customhouse.infra.settings import Settings
from customhouse.infra.system_trust import system_trust
from customhouse.terms.errors import Refused, Rejected, Unavailable

SECONDS = 20
WIDTH = 72
LONGEST_SUBJECT = 200
LONGEST_LINE = 78
_PERMANENT = range(500, 600)
# RFC 5322's dot-atom, with letters beyond ASCII as RFC 6531 allows them. No quotes, comments or literals: what can be
# read in two ways is no address.
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_DOMAIN = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?(?:\.[^\W_](?:[\w-]{0,61}[^\W_])?)*")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]+")
_LONGEST_LOCAL, _LONGEST_ADDRESS = 64, 254


@dataclass(frozen=True, slots=True)
class Letter:
    """What to say to whom. ``text`` is paragraphs; a line is one of them and is wrapped when it is sent."""

    to: str
    subject: str
    text: str
    reply_to: str = ""
    """Where an answer goes, if not to the sender."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """The mail server that takes our letters, and in whose name they come."""

    host: str
    port: int
    sender: str
    """``address@domain`` or ``Name <address@domain>``."""
    security: Literal["none", "starttls", "tls"] = "none"
    user: str = ""
    password: str = field(default="", repr=False)
    trust: ssl.SSLContext = field(default_factory=system_trust)

    @property
    def domain(self) -> str:
        """The domain that the sender's address is in."""
        return address(parseaddr(self.sender)[1], where="mail_from").domain


def smtp_of(settings: Settings) -> Smtp | None:
    """The mail server that the operator has named; None if there is none, and no mail is sent."""
    if not settings.smtp_host:
        return None
    return Smtp(
        settings.smtp_host, settings.smtp_port, settings.mail_from, settings.smtp_security, settings.smtp_user,
        settings.smtp_password.get_secret_value(),
    )  # fmt: skip


def address(text: str, *, name: str = "", where: str = "to") -> Address:
    """A checked address; raises `Rejected` for anything that two programs might read differently."""
    local, _, domain = text.rpartition("@")
    if len(text) > _LONGEST_ADDRESS or len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        raise Rejected("bad-email", where, f"{text[:80]!r} is not a plain e-mail address", "name@domain")
    with suppress(UnicodeError):
        domain = domain if domain.isascii() else domain.encode("idna").decode()
    if not _DOMAIN.fullmatch(domain):
        raise Rejected("bad-email", where, f"{domain[:80]!r} is not a mail domain", "name@domain")
    return Address(_one_line(name), local, domain)


def compose(letter: Letter, smtp: Smtp, *, at: datetime, message_id: str) -> EmailMessage:
    """The message as it is sent. The same letter under the same id is the same message whenever it is composed."""
    name, plain = parseaddr(smtp.sender)
    message = EmailMessage(SMTP)
    message["From"] = address(plain, name=name, where="mail_from")
    message["To"] = address(letter.to)
    if letter.reply_to:
        message["Reply-To"] = address(letter.reply_to, where="security_address")
    message["Subject"] = _one_line(letter.subject)[:LONGEST_SUBJECT]
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{message_id}@{smtp.domain}>"
    # RFC 3834: no out-of-office reply shall come back.
    message["Auto-Submitted"] = "auto-generated"
    text = flowed(letter.text)
    plainly = text.isascii() and all(len(line) <= LONGEST_LINE for line in text.split("\n"))
    encoding = "7bit" if plainly else "quoted-printable"
    message.set_content(text, charset="utf-8", cte=encoding, params={"format": "flowed"})
    return message


def flowed(text: str) -> str:
    """Lines of at most 72 characters that a narrow screen may join and break again (RFC 3676).

    A line that ends in a space goes on in the next one. Addresses of the web are never broken.
    """
    lines: list[str] = []
    for paragraph in _CONTROL.sub(" ", text.replace("\r\n", "\n")).split("\n"):
        quote = "> " if paragraph.startswith("> ") else ""
        wrapped = textwrap.wrap(
            paragraph.removeprefix(quote), WIDTH - 1 - len(quote), break_long_words=False, break_on_hyphens=False
        )
        stuffed = [line if quote else _stuffed(line) for line in wrapped]
        lines += [f"{quote}{line} " for line in stuffed[:-1]]
        lines.append(quote + stuffed[-1] if stuffed else "")
    return "\n".join(lines).strip("\n") + "\n"


def send(smtp: Smtp, message: EmailMessage) -> None:
    """Hand a message to the mail server.

    Raises `Refused` if the server will never take it, and `Unavailable` if it may take it later or if the fault is
    ours (a sender that is not allowed, a wrong password), because an operator can mend that.
    """
    who = f"The mail server {smtp.host}:{smtp.port}"
    try:
        server = _connected(smtp)
        try:
            server.send_message(message)
            with suppress(smtplib.SMTPException, OSError):
                server.quit()  # the letter is taken: what goes wrong now must not send it again
        finally:
            server.close()
    except smtplib.SMTPRecipientsRefused as error:
        [(code, said)] = error.recipients.values()
        raise _answer(who, "the recipient", code, said) from error
    except smtplib.SMTPDataError as error:
        raise _answer(who, "the letter", error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPResponseException as error:
        raise Unavailable(who, f"it said {error.smtp_code} {_words(error.smtp_error)}") from error
    except smtplib.SMTPNotSupportedError as error:
        if not str(message["To"]).isascii():
            raise Refused("undeliverable", f"{who} knows no addresses beyond ASCII.") from error
        raise Unavailable(who, str(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(who, f"its certificate is not valid: {error.verify_message}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(who, type(error).__name__) from error


def _connected(smtp: Smtp) -> smtplib.SMTP:
    """A connection, secured and signed in as the settings say; never less secure than they say."""
    server: smtplib.SMTP
    if smtp.security == "tls":
        server = smtplib.SMTP_SSL(smtp.host, smtp.port, smtp.domain, timeout=SECONDS, context=smtp.trust)
    else:
        server = smtplib.SMTP(smtp.host, smtp.port, smtp.domain, timeout=SECONDS)
    try:
        if smtp.security == "starttls":
            server.starttls(context=smtp.trust)
        if smtp.user:
            server.login(smtp.user, smtp.password)
    except BaseException:
        server.close()
        raise
    return server


def _answer(who: str, what: str, code: int, said: bytes | str) -> Refused | Unavailable:
    if code in _PERMANENT:
        return Refused("undeliverable", f"{who} refuses {what}: {code} {_words(said)}.")
    return Unavailable(who, f"it does not take {what} now: {code} {_words(said)}")


def _words(said: bytes | str) -> str:
    return _one_line(said.decode(errors="replace") if isinstance(said, bytes) else said)[:300].rstrip(".")


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _stuffed(line: str) -> str:
    """A space in front of what would mean something else at the beginning of a line."""
    return f" {line}" if line.startswith((" ", ">", "From ")) else line
