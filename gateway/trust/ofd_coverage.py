"""签名覆盖: every part a reader would render must be under a signature. Not in the standards' text; ours.

Whoever can redirect OFD.xml to another document leaves every digest intact: only a walk from OFD.xml along everything
a reader follows shows it. The walk takes more than a reader might, never less: in documents, resources and lists any
attribute or text that names a part of the package counts as a reference to it.
"""

from collections.abc import Iterable
from contextlib import suppress

from gateway.trust.checks import Ledger
from gateway.trust.ofd_structure import ROOT, Structure
from gateway.trust.ofd_xml import Element, children, everywhere, folder, local, location, read_xml
from gateway.trust.zip_container import Package, PackageError
from schemas.verification import SubIndication as Sub

_STEP = 12
_PAGES = frozenset({"Page", "Appearance"})
"""Roots whose text is content, not a reference."""
_SHOWN = 20


class Walk:
    """收集: every part that can be reached from OFD.xml."""

    def __init__(self, package: Package, structure: Structure) -> None:
        self.reached: set[str] = {ROOT}
        self.missing: set[str] = set()
        self._package, self._machinery = package, structure.machinery
        self._open: list[str] = []
        for body in structure.bodies:
            self._body(body)
        while self._open:
            self._part(self._open.pop())

    def _body(self, body: Element) -> None:
        for root in children(body, "DocRoot"):
            self._name(root.text or "", "", ROOT, must=True)
        for version in everywhere(body, "Version"):
            self._name(version.get("BaseLoc") or "", "", ROOT, must=True)

    def _name(self, text: str, base: str, part: str, *, must: bool = False) -> None:
        """Follow a reference; one that must lead somewhere and does not is noted."""
        if not text.strip():
            return
        try:
            target = location(text, base, part)
        except PackageError:
            if must:
                raise
            return
        if target in self._package:
            if target not in self.reached and target not in self._machinery:
                self.reached.add(target)
                self._open.append(target)
        elif must:
            self.missing.add(target)

    def _part(self, part: str) -> None:
        if not self._package.read(part).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return  # an image, a font
        try:
            root = read_xml(self._package, part)
        except PackageError:
            return  # an attachment may be anything; it must be covered, not understood
        if local(root) in _PAGES:
            self._page(root, part)
        else:
            self._list(root, part)

    def _page(self, root: Element, part: str) -> None:
        """A page's text may look like a path: only the elements that name parts are followed."""
        for element in everywhere(root, "PageRes", "TemplatePage", "Thumbnail"):
            self._name(element.text or element.get("BaseLoc") or "", folder(part), part)

    def _list(self, root: Element, part: str) -> None:
        bases = [folder(part)]
        own = root.get("BaseLoc")
        if own:
            with suppress(PackageError):
                bases.append(location(own, folder(part), part))
        for element in root.iter():
            if not isinstance(element.tag, str):
                continue
            told = [*element.attrib.values(), element.text or ""]
            for text in told:
                if text and len(text) < 512 and ("." in text or "/" in text):
                    for base in bases:
                        self._name(text, base, part, must=False)


def check_coverage(ledger: Ledger, package: Package, structure: Structure, covered: Iterable[str]) -> None:
    """Note whether every part that is rendered is referenced by a signature that has not failed."""
    signed = set(covered)
    walk = Walk(package, structure)
    bare = sorted(walk.reached - signed - {ROOT})
    if ROOT not in signed:
        ledger.skipped("root_coverage", "OFD.xml 本身未被签名（常见做法），其所指的文档均须被签名。", step=_STEP)
    if bare:
        ledger.failed(
            "coverage",
            Sub.UNSIGNED_CONTENT,
            "文件中会显示的内容有一部分未被签名，可能被人添加或替换。",
            step=_STEP,
            parts=bare[:_SHOWN],
            count=len(bare),
        )
    else:
        ledger.passed("coverage", "会显示的全部内容都在签名之下。", step=_STEP, parts=len(walk.reached))
    beside = sorted(set(package.names()) - walk.reached - structure.machinery - signed)
    if beside or walk.missing:
        ledger.skipped(
            "other_parts",
            "文件中有不会显示的多余部件，或引用了不存在的部件。",
            step=_STEP,
            unused=beside[:_SHOWN],
            missing=sorted(walk.missing)[:_SHOWN],
        )
