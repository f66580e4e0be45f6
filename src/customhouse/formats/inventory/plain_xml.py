"""XML without what makes it dangerous: no doctype, no entities, bounded in depth, in elements and in text.

`xml.etree` would expand entities a billion times; `expat` tells of each declaration before anything follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from customhouse.terms.errors import Rejected

CODE = "bad-xml"
MOST_DEPTH = 64
MOST_ELEMENTS = 2_000_000
_BETWEEN = "\n"


@dataclass(slots=True)
class Element:
    """One element; names are without their prefix."""

    name: str
    namespace: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> Element | None:
        """The first child of a name."""
        return next((one for one in self.children if one.name == name), None)

    def text_of(self, name: str) -> str:
        """The text of the first child of a name; empty if there is none."""
        found = self.child(name)
        return found.text.strip() if found is not None else ""

    def under(self, folder: str, name: str) -> Iterator[Element]:
        """The children of a name that stand in a child of another: ``components/component``."""
        for one in self.children:
            if one.name == folder:
                yield from (inner for inner in one.children if inner.name == name)


def read_xml(body: bytes, where: str) -> Element:
    """The root element. Raises `Rejected` with the line for anything odd."""
    from xml.parsers import expat  # noqa: PLC0415 - not needed by who reads JSON

    parser = expat.ParserCreate(namespace_separator=_BETWEEN)
    parser.buffer_text = True
    root = Element("")
    open_ones = [root]
    count = 0

    def refuse(why: str) -> int:
        raise Rejected(CODE, f"{where}:{parser.CurrentLineNumber}", why, "XML without doctype and entities")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_ELEMENTS:
            refuse(f"more than {MOST_ELEMENTS} elements")
        if len(open_ones) > MOST_DEPTH:
            refuse(f"it is nested more than {MOST_DEPTH} deep")
        namespace, _, local = name.rpartition(_BETWEEN)
        one = Element(local, namespace, {key.rpartition(_BETWEEN)[2]: value for key, value in attributes.items()})
        open_ones[-1].children.append(one)
        open_ones.append(one)

    def end(_name: str) -> None:
        open_ones.pop()

    def data(piece: str) -> None:
        # Text between elements is of no use to anybody.
        if not open_ones[-1].children:
            open_ones[-1].text += piece

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = lambda *_: refuse("a doctype")
    parser.EntityDeclHandler = lambda *_: refuse("an entity")
    parser.ExternalEntityRefHandler = lambda *_: refuse("an external entity")
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Rejected(CODE, f"{where}:{error.lineno}", expat.ErrorString(error.code), "XML that is whole") from None
    except (ValueError, LookupError) as error:
        raise Rejected(CODE, where, str(error)[:200], "XML in UTF-8") from None
    return root.children[0]
