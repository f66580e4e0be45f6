"""The addresses of an index, made from the one that somebody gives."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from customhouse.terms.errors import Refused, Rejected

_KNOWN_ENDS = ("/legacy/", "/upload/", "/simple/")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address: what decides whether it may be told our credentials."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Index:
    """An index: where it lives, without a slash at the end (``https://packages.example.org``)."""

    base: str

    @classmethod
    def parse(cls, text: str, *, allow_http: bool = False) -> Index:
        """Read the address of an index, of its upload door or of its simple pages.

        Raises `Rejected` for what is no address of the web, and `Refused` for one on which everybody between here and
        there could read the credentials (PEP 807 asks for https or loopback).
        """
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError as error:
            raise _rejected(text, str(error)) from error
        if parts.scheme not in ("https", "http") or not parts.hostname or not text.strip().isprintable():
            raise _rejected(text, "is no address")
        if parts.username is not None or parts.password is not None:
            raise _rejected(parts.hostname, "has credentials in it", "--token - or CUSTOMHOUSE_TOKEN")
        if parts.query or parts.fragment:
            raise _rejected(text, "has a query or a fragment")
        if parts.scheme == "http" and not is_loopback(parts.hostname) and not allow_http:
            raise Refused(
                "insecure-index",
                f"{parts.hostname} is asked for without TLS, so that others could read your credentials.",
                "Use https://, or say --allow-http if that network is yours.",
            )
        path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
        for end in _KNOWN_ENDS:
            if path.endswith(end):
                path = path.removesuffix(end) + "/"
                break
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        netloc = host if port is None else f"{host}:{port}"
        return cls(f"{parts.scheme}://{netloc}{path}".rstrip("/"))

    @property
    def host(self) -> str:
        """How people call it: its host, and its port if that is an odd one."""
        return urlsplit(self.base).netloc

    @property
    def site(self) -> str:
        """Its scheme and host alone."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def upload(self) -> str:
        """The root of Upload 2.0."""
        return f"{self.base}/upload/"

    @property
    def legacy(self) -> str:
        """The door of the legacy upload."""
        return f"{self.base}/legacy/"

    def simple(self, normalized: str) -> str:
        """A project's page for installers."""
        return f"{self.base}/simple/{normalized}/"

    def page(self, normalized: str, version: str) -> str:
        """A release's page for people."""
        return f"{self.base}/project/{normalized}/{quote(version, safe='')}/"

    def checked(self, url: object, what: str) -> str:
        """An address that the index has given us, if it is on the index's own host; raises `Refused` otherwise.

        Credentials and files go nowhere else, whatever an index says (A52).
        """
        if isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url:
            try:
                own = origin_of(url) == origin_of(self.base) and "@" not in urlsplit(url).netloc
            except ValueError:
                own = False
            if own:
                return url
        raise Refused(
            "foreign-address",
            f"{self.host} names a {what} that is not on its own host, and nothing is sent there.",
            "Tell its operator; with Customhouse it is the setting url.",
        )


def _rejected(text: str, why: str, accepted: str = "https://packages.example.org") -> Rejected:
    return Rejected("bad-index", "--index", f"{text[:100]!r} {why}", accepted)
