"""Where a machine's secrets may go. Whoever opens a run says its places; that is not yet a reason to send tokens there.

A machine believes by itself the room that it has joined, github.com and gitlab.com. Any other address that would be
shown a secret must be said on the machine itself, in the same words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from customhouse.formats.pipeline.model import Pipeline
from customhouse.formats.plain import plain
from customhouse.release.git.remotes import token_name
from customhouse.release.ship.portions import FOLDER
from customhouse.terms.errors import Refused

Places = Mapping[str, Mapping[str, str]]
_KNOWN = {"github": ("github.com", "api.github.com"), "gitlab": ("gitlab.com",)}


def refuse_strange_addresses(pipeline: Pipeline, places: Places, own: Places, *, room: str) -> None:
    """Raises `Refused` naming the first address that would be shown a secret, and that this machine has not said.

    ``places`` are those of the run, ``own`` those of this machine, ``room`` is the address of the server.
    """
    for name, setting, known in _shown_secrets(pipeline, places, urlsplit(room).netloc):
        said = places[name].get(setting, "")
        if _host(said) and _host(said) not in known and own.get(name, {}).get(setting) != said:
            address = plain(said, 120)
            raise Refused(
                "strange-address",
                f"Whoever opened the run says that {name} is at {address}: this machine would show its token there.",
                f"If that is right, say so on this machine: --place {name}.{setting}={address}",
            )


def _shown_secrets(pipeline: Pipeline, places: Places, room: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Places and settings whose address is shown a secret, and the hosts that need no word."""
    stores = {one.id for one in pipeline.environments if one.kind == "store"}
    for name, settings in places.items():
        adapter = settings.get("adapter", "")
        if token_name(adapter):
            yield name, "url", _KNOWN[adapter]
            yield name, "api", _KNOWN[adapter]
        elif name in stores and adapter != FOLDER:
            yield name, "url", (room,)


def _host(address: str) -> str:
    """Host and port of an address; of a path "", which is none and stays on this machine."""
    if "://" in address:
        return urlsplit(address).netloc.rpartition("@")[2]
    return "" if address.startswith("/") else address.partition(":")[0].rpartition("@")[2]
