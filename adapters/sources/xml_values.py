"""XML取值: one element becomes text, an object or a list."""

from typing import Any

from adapters.sources.record import Place

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class XmlValues:
    """Attributes are `@name`, text beside them or beside elements is `#text`; namespaces are dropped."""

    def __init__(self, lists: frozenset[str], place: Place) -> None:
        self._lists, self._place = lists, place
        self._names: dict[Any, str] = {}

    def of(self, element: Any) -> Any:
        """Text without the spaces around it, None for an empty element, else an object."""
        attributes = element.items()
        if not attributes and not len(element):
            text = element.text
            return (text.strip() or None) if text else None
        if element.get(_NIL) in ("true", "1"):
            return None
        made: dict[str, Any] = {}
        for name, value in attributes:
            self._put(made, f"@{self.name(name)}", value, element)
        for child in element:
            self._add(made, self.name(child.tag), child)
        texts = [element.text, *(child.tail for child in element)]
        text = " ".join(part.strip() for part in texts if part and part.strip())
        if text:
            self._put(made, "#text", text, element)
        return made

    def _add(self, made: dict[str, Any], name: str, child: Any) -> None:
        value = self.of(child)
        if name in self._lists:
            kept = made.setdefault(name, [])
            if value is not None:
                kept.append(value)
        elif name not in made:
            made[name] = value
        elif isinstance(made[name], list):
            made[name].append(value)
        else:
            made[name] = [made[name], value]

    def _put(self, made: dict[str, Any], name: str, value: str, element: Any) -> None:
        if name in made:
            self._place.at(element.sourceline).fail(f"{name} occurs twice in one element", f"同一元素中“{name}”重复")
        made[name] = value

    def name(self, tag: Any) -> str:
        """The local name."""
        name = self._names.get(tag)
        if name is None:
            if len(self._names) > 10_000:  # names are the file's: never keep them without bound
                self._names.clear()
            name = self._names[tag] = tag.rpartition("}")[2]
        return name
