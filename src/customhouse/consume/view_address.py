"""Where packages come from: a view of a Customhouse, its plain index, or any other simple repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

CODE = "bad-view"
_VIEW = re.compile(r"[a-z0-9](?:-?[a-z0-9])*", re.ASCII)
_LONGEST_VIEW = 40
_IN_PATH = re.compile(r"(?P<before>.*?)/view/(?P<view>[a-z0-9-]+)(?:/simple)?/?", re.ASCII)
_SIMPLE = re.compile(r"(?P<before>.*?)/simple/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """One simple repository. Addresses end with a slash and hold no user and no password."""

    simple: str
    base: str
    """The address of the Customhouse that it is of; empty if it may be somebody else's index."""
    view: str = ""
    """The name of the view; empty for an index without one."""

    @property
    def title(self) -> str:
        """For people."""
        return f"the view {self.view} of {self.base}" if self.view else self.simple

    @property
    def is_safe(self) -> bool:
        """Whether nobody on the way can read or change what is sent: TLS, or this machine."""
        parts = urlsplit(self.simple)
        host = parts.hostname or ""
        try:
            is_here = ip_address(host).is_loopback
        except ValueError:
            is_here = host == "localhost" or host.endswith(".localhost")
        return parts.scheme == "https" or is_here

    def within(self, path: str) -> str:
        """An address of the view (``constraints.txt``), or of the plain index."""
        return f"{self.base}view/{self.view}/{path}" if self.view else f"{self.base}{path}"


def read_place(view: str, index: str) -> Place:
    """What ``VIEW`` and ``--index URL`` mean together. Raises `Rejected`.

    A view may be a name, which needs the address of its Customhouse, or a whole address. ``index`` may be the address
    of a Customhouse, of one of its views, or of a simple repository of anybody.
    """
    if "://" in view:
        found = _place(view, "view")
        if index:
            raise Rejected(CODE, "--index", "the view is a whole address already", "a view by its name with --index")
        return found
    if view and (len(view) > _LONGEST_VIEW or not _VIEW.fullmatch(view)):
        raise Rejected(CODE, "view", f"{plain(view, 60)!r} is no name of a view",
                       "a-z, 0-9 and dashes, or the address of a view")  # fmt: skip
    if not index:
        why = f"nobody knows whose view {view} is" if view else "it is not said where packages come from"
        raise Rejected(
            CODE, "--index", why,
            "--index with the address of a Customhouse, or `customhouse use VIEW --index URL` once",
        )  # fmt: skip
    found = _place(index, "--index")
    if not view:
        return found
    base = found.base or found.simple
    return Place(f"{base}view/{view}/simple/", base, view)


def _place(text: str, where: str) -> Place:
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host or any(one in text for one in "\r\n\t\\ "):
        raise Rejected(CODE, where, f"{plain(text, 200)!r} is no address of the web", "https://…")
    if parts.username is not None or parts.password is not None:
        raise Rejected(CODE, where, "it holds a user or a password, which every list of processes shows",
                       "the address alone; `customhouse use` keeps a token in the keyring")  # fmt: skip
    if parts.query or parts.fragment:
        raise Rejected(CODE, where, f"{plain(text, 200)!r} has a query or a fragment", "the address alone")
    host = f"[{host}]" if ":" in host else host
    root = urlunsplit((parts.scheme, f"{host}:{port}" if port is not None else host, "", "", ""))
    path = parts.path or "/"
    if (found := _IN_PATH.fullmatch(path)) is not None:
        base = f"{root}{found['before']}/"
        return Place(f"{base}view/{found['view']}/simple/", base, found["view"])
    if (found := _SIMPLE.fullmatch(path)) is not None:
        base = f"{root}{found['before']}/"
        return Place(f"{base}simple/", base)
    if path == "/":
        return Place(f"{root}/simple/", f"{root}/")
    return Place(f"{root}{path.rstrip('/')}/", "")
