"""Descriptions without foreign images: each becomes a link, because loading it would tell its host who reads what.

Takes HTML that nh3 has cleaned; inline styles go too, because our content security policy would report them. Blocks of
code can be scrolled with the keyboard, and do not claim that Python is a language in which people speak. Links around
nothing are places to go to and nothing more.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

_DROPPED = ("style",)
_DROPPED_FROM_CODE = ("style", "lang", "tabindex")
_HREF = re.compile(r' href="[^"]*"')
_VOID = frozenset({"br", "hr", "img", "wbr", "input"})


def without_images(html: str) -> str:
    """The same HTML with links in place of images."""
    rewriter = _Rewriter()
    rewriter.feed(html)
    rewriter.close()
    return "".join(rewriter.out)


class _Rewriter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self._anchors = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self._image(dict(attrs))
            return
        if tag == "a":
            self._anchors += 1
        dropped, more = (_DROPPED, "") if tag != "pre" else (_DROPPED_FROM_CODE, ' tabindex="0"')
        kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if name not in dropped)
        self.out.append(f"<{tag}{kept}{more}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._anchors = max(self._anchors - 1, 0)
            if self.out and self.out[-1].startswith("<a "):
                self.out[-1] = _HREF.sub("", self.out[-1])
        if tag not in _VOID:
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(data)

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")

    def _image(self, attributes: dict[str, str | None]) -> None:
        source = attributes.get("src") or ""
        text = escape(attributes.get("alt") or source.rpartition("/")[2].partition("?")[0] or "image")
        if self._anchors or urlsplit(source).scheme not in ("http", "https"):
            self.out.append(f'<span class="image">{text}</span>')
        else:
            self.out.append(f'<a class="image" href="{escape(source)}" rel="nofollow noreferrer">{text}</a>')
