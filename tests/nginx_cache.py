"""Nginx in front of an index with its cache switched on, as eager as its directives allow."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import MORTAL, free_port, until_listening

FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True)
class CachingFront:
    """A running nginx: what it has kept lies in ``folder``."""

    port: int
    careless_port: int
    """Of the same, with a key that leaves the query out, as some CDNs are set."""
    folder: Path

    def kept(self) -> list[bytes]:
        """Whole answers on the disk of the cache, headers and all."""
        return [path.read_bytes() for path in (self.folder / "cache").rglob("*") if path.is_file()]


@contextmanager
def nginx_cache(folder: Path, backend: int) -> Iterator[CachingFront]:
    """Keeps whatever it may, redirects and errors too, under keys without the Host; hits say so in X-Cache."""
    port, careless_port = free_port(), free_port()
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in FOLDERS)
    location = (
        "location / { proxy_pass http://index; proxy_http_version 1.1; proxy_cache kept; proxy_cache_revalidate on;"
        ' proxy_cache_valid any 1m; proxy_set_header Connection ""; proxy_set_header Host $host;'
        " proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; add_header X-Cache $upstream_cache_status always;"
    )
    # As root it would give its work to somebody who may not enter the folders of a test.
    user = "user root; " if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; {temporary}\n"
        f"proxy_cache_path {folder}/cache keys_zone=kept:2m use_temp_path=off;\n"
        f"upstream index {{ server 127.0.0.1:{backend}; keepalive 2; }}\n"
        f"server {{ listen 127.0.0.1:{port}; {location} }} }}\n"
        f"server {{ listen 127.0.0.1:{careless_port}; {location} proxy_cache_key careless$uri; }} }} }}\n"
    )
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
    process = subprocess.Popen([*MORTAL, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_listening(port, process)
        yield CachingFront(port, careless_port, folder)
    finally:
        process.terminate()
        process.wait(10)
