"""What is in an HTML page."""

from html.parser import HTMLParser

VOID = {"meta"}


class Parsed(HTMLParser):
    """A page: what it says, its elements, and whether each of them that begins also ends."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [about for name, about in self.tags if name == tag]

    def classes(self) -> set[str]:
        return {one for _, about in self.tags for one in (about.get("class") or "").split()}
