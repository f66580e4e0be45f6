"""The product tree of a CSAF document (CSAF 2.0, section 3.2.2): ids for products, and products for ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from customhouse.formats.vex.model import CODE, MAX_PRODUCTS, Product
from customhouse.formats.vex.parts import an_object, objects, text, texts
from customhouse.formats.vex.ranges import exact, read_purl, read_vers, write_purl, write_vers
from customhouse.terms.errors import Rejected

MAX_DEPTH = 20
"""Of branches in branches; JSON itself is read to a depth of 64."""


class Tree:
    """Products under ids of their own, each once: one branch for each package, below it its versions."""

    def __init__(self) -> None:
        self._ids: dict[Product, str] = {}

    def add(self, product: Product) -> list[str]:
        """The ids of a product, new or known: one, or one for each part that it is about."""
        if not product.parts:
            return [self._one(product)]
        whole = Product(product.name, product.specifier, product.address)
        self._one(whole)
        for part in product.parts:
            self._one(part)
        return [self._one(replace(whole, parts=(part,))) for part in product.parts]

    def _one(self, product: Product) -> str:
        return self._ids.setdefault(product, f"CSAFPID-{len(self._ids) + 1:04}")

    def written(self) -> dict[str, Any]:
        """The tree as JSON values."""
        packages: dict[str, list[dict[str, Any]]] = {}
        plain: list[dict[str, Any]] = []
        relations: list[dict[str, Any]] = []
        for product, known in self._ids.items():
            if product.parts:
                relations.append(self._relation(product, known))
            elif not product.name:
                plain.append(self._full(product, known))
            else:
                packages.setdefault(product.name, []).append(self._branch(product, known))
        branches = [{"category": "product_name", "name": name, "branches": each} for name, each in packages.items()]
        told: dict[str, Any] = {}
        if branches:
            told["branches"] = [{"category": "vendor", "name": "PyPI", "branches": branches}]
        if plain:
            told["full_product_names"] = plain
        if relations:
            told["relationships"] = relations
        return told

    def _branch(self, product: Product, known: str) -> dict[str, Any]:
        version = exact(product.specifier)
        # Test 6.1.31: a product_version names one version, a range is a product_version_range.
        category, name = ("product_version", version) if version else ("product_version_range", "")
        return {
            "category": category,
            "name": name or write_vers(product.specifier),
            "product": self._full(product, known),
        }

    def _full(self, product: Product, known: str) -> dict[str, Any]:
        told: dict[str, Any] = {"name": str(product), "product_id": known}
        if product.name:
            told["product_identification_helper"] = {"purl": write_purl(product.name, product.specifier)}
        elif product.address.startswith("pkg:"):
            told["product_identification_helper"] = {"purl": product.address}
        return told

    def _relation(self, product: Product, known: str) -> dict[str, Any]:
        """B as a component of A is a product of its own."""
        (part,) = product.parts
        whole = replace(product, parts=())
        return {
            "category": "default_component_of",
            "full_product_name": {"name": f"{part} as a component of {whole}", "product_id": known},
            "product_reference": self._ids[part],
            "relates_to_product_reference": self._ids[whole],
        }


def read_tree(top: Mapping[str, Any], where: str) -> dict[str, tuple[Product, ...]]:
    """The products under each id: several if a range has several spans. Groups are read as what is in them."""
    place = f"{where}: product_tree"
    tree = an_object(top.get("product_tree") or {}, place)
    found: dict[str, tuple[Product, ...]] = {}
    for one, spot in objects(tree, "full_product_names", place, most=MAX_PRODUCTS):
        _name(one, spot, found)
    _branches(tree, place, found, 0)
    for one, spot in objects(tree, "relationships", place, most=MAX_PRODUCTS):
        _relation(one, spot, found)
    return found


def _branches(top: Mapping[str, Any], where: str, found: dict[str, tuple[Product, ...]], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Rejected(CODE, where, "branches in branches in branches", f"at most {MAX_DEPTH} deep")
    for one, place in objects(top, "branches", where, most=MAX_PRODUCTS):
        name, category = text(one, "name", place, needed=True), text(one, "category", place, needed=True)
        if category == "product_version_range" and name.startswith("vers:pypi/"):
            read_vers(name, f"{place}: name")
        if one.get("product") is not None:
            _name(an_object(one["product"], f"{place}: product"), f"{place}: product", found)
        _branches(one, place, found, depth + 1)


def _name(full: Mapping[str, Any], where: str, found: dict[str, tuple[Product, ...]]) -> None:
    known = text(full, "product_id", where, needed=True)
    helper = an_object(full.get("product_identification_helper") or {}, f"{where}: product_identification_helper")
    purl = text(helper, "purl", f"{where}: product_identification_helper")
    package = read_purl(purl, f"{where}: product_identification_helper.purl") if purl else None
    if package is not None:
        found[known] = tuple(Product(package[0], specifier) for specifier in package[1])
    else:
        found[known] = (Product(address=purl or text(full, "name", where, needed=True)),)
    if len(found) > MAX_PRODUCTS:
        raise Rejected(CODE, where, "too many products", f"at most {MAX_PRODUCTS}")


def _relation(one: Mapping[str, Any], where: str, found: dict[str, tuple[Product, ...]]) -> None:
    """A product that is one inside another. What is only installed beside another stays its own product."""
    full = an_object(one.get("full_product_name"), f"{where}: full_product_name")
    known = text(full, "product_id", f"{where}: full_product_name", needed=True)
    part = found.get(text(one, "product_reference", where, needed=True), ())
    whole = found.get(text(one, "relates_to_product_reference", where, needed=True), ())
    flat = tuple(Product(each.name, each.specifier, each.address) for each in part)
    found[known] = tuple(Product(each.name, each.specifier, each.address, flat) for each in whole)


def ids_in(top: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """Every id that the tree defines, with its place, in order and as often as it stands there."""
    place = f"{where}: product_tree"
    tree = an_object(top.get("product_tree") or {}, place)
    found: list[tuple[str, str]] = []

    def full(value: object, spot: str) -> None:
        found.append((text(an_object(value, spot), "product_id", spot, needed=True), spot))

    def walk(node: Mapping[str, Any], spot: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Rejected(CODE, spot, "branches in branches in branches", f"at most {MAX_DEPTH} deep")
        for branch, at in objects(node, "branches", spot, most=MAX_PRODUCTS):
            if branch.get("product") is not None:
                full(branch["product"], f"{at}: product")
            walk(branch, at, depth + 1)

    for one, spot in objects(tree, "full_product_names", place, most=MAX_PRODUCTS):
        full(one, spot)
    walk(tree, place, 0)
    for one, spot in objects(tree, "relationships", place, most=MAX_PRODUCTS):
        full(one.get("full_product_name"), f"{spot}: full_product_name")
    return found


def references_in(top: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """Every id that relationships refer to."""
    place = f"{where}: product_tree"
    tree = an_object(top.get("product_tree") or {}, place)
    return [
        (text(one, key, spot, needed=True), f"{spot}: {key}")
        for one, spot in objects(tree, "relationships", place, most=MAX_PRODUCTS)
        for key in ("product_reference", "relates_to_product_reference")
    ]


def group_members(top: Mapping[str, Any], where: str) -> dict[str, tuple[str, ...]]:
    """The product groups and what is in them."""
    place = f"{where}: product_tree"
    tree = an_object(top.get("product_tree") or {}, place)
    return {
        text(one, "group_id", spot, needed=True): texts(one, "product_ids", spot, most=MAX_PRODUCTS)
        for one, spot in objects(tree, "product_groups", place, most=MAX_PRODUCTS)
    }


def group_ids(top: Mapping[str, Any], where: str) -> list[str]:
    """The ids of the product groups, in order and as often as they stand there."""
    place = f"{where}: product_tree"
    tree = an_object(top.get("product_tree") or {}, place)
    return [
        text(one, "group_id", spot, needed=True)
        for one, spot in objects(tree, "product_groups", place, most=MAX_PRODUCTS)
    ]


def circle_in(top: Mapping[str, Any], where: str) -> str:
    """An id that is made of itself by way of relationships; empty if there is none."""
    place = f"{where}: product_tree"
    tree = an_object(top.get("product_tree") or {}, place)
    made_of: dict[str, tuple[str, ...]] = {}
    for one, spot in objects(tree, "relationships", place, most=MAX_PRODUCTS):
        full = an_object(one.get("full_product_name"), f"{spot}: full_product_name")
        made_of[text(full, "product_id", spot, needed=True)] = (
            text(one, "product_reference", spot, needed=True),
            text(one, "relates_to_product_reference", spot, needed=True),
        )
    sorter = TopologicalSorter(made_of)
    try:
        sorter.prepare()
    except CycleError as error:
        return str(error.args[1][0])
    return ""
