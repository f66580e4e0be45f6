"""The part of ``make demo`` that lets packages in from PyPI: a view, what it hides, and why.

The upstream is the index that this machine's pip is told to use, else PyPI. Its address stays in the environment of the
server and is written nowhere.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

PYPI = "https://pypi.org/simple/"
LET_IN = ("packaging", "click", "markupsafe", "certifi")
HIDDEN = "packaging"
JSON = "application/vnd.pypi.simple.v1+json"


def upstream_settings() -> dict[str, str]:
    """The environment of a server whose upstream ``pypi`` is the index of this machine."""
    parts = urlsplit(_index())
    host = parts.hostname or ""
    plain = urlunsplit((parts.scheme, host + (f":{parts.port}" if parts.port else ""), parts.path, "", ""))
    upstream = {
        "name": "pypi",
        "url": plain,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    inside = sorted({network for one in (host, "files.pythonhosted.org") for network in _inside(one)})
    # An index in a network of one's own is an operator's decision, and here the operator runs the demo.
    return {"CUSTOMHOUSE_UPSTREAMS": json.dumps([upstream]), "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": json.dumps(inside)}


def policy_that_hides(url: str) -> str:
    """``balanced``, with a wait for one package that is as long as it takes to hide its newest version."""
    request = urllib.request.Request(f"{url}/view/main/simple/{HIDDEN}/", headers={"accept": JSON})
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    newest = max(datetime.fromisoformat(file["upload-time"]) for file in files)
    days = (datetime.now(UTC) - newest).days + 1
    rule = f'name = "wait"\npackages = ["{HIDDEN}"]\nhide-if.age = "< {days}d"\nreason = "the demo wants to see it"\n'
    return f'level = "balanced"\n\n[[rule]]\n{rule}'


def _index() -> str:
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if os.environ.get(name):
            return os.environ[name]
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True, cwd=Path.home())
    said = done.stdout.strip()
    return said if done.returncode == 0 and said.startswith("http") else PYPI


def _inside(host: str) -> Iterator[str]:
    """The addresses of a host that are not of the public internet, as networks."""
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, 443, proto=socket.IPPROTO_TCP)}
    except OSError:
        return
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not address.is_global:
            yield f"{address}/{address.max_prefixlen}"
