"""`make locale`: collects the page's words and brings every language's file up to date; translations stay.

New words come in empty (a test counts them), words that are gone go. Each file's own header is left as it is.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
LOCALE = ROOT / "src/unisono/locale"
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "t": None,
    "tn": (1, 2),
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
}
LINE_WIDTH = 120


def collected() -> Catalog:
    """Every word in templates and scripts, with the files it stands in."""
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    words = Catalog()
    folder = ROOT / "src/unisono/web"
    methods = [(pattern.removeprefix("src/unisono/web/"), method) for pattern, method in methods]
    options = {pattern.removeprefix("src/unisono/web/"): chosen for pattern, chosen in options.items()}
    found = extract_from_dir(str(folder), methods, options, KEYWORDS)
    for name, _, message, comments, context in sorted(found, key=lambda one: (one[0], _first(one[2]))):
        words.add(message, None, [(f"src/unisono/web/{name}", 0)], auto_comments=comments, context=context)
    return words


def _first(message: str | tuple[str, ...]) -> str:
    """What a message is sorted by: by lines, a word would move whenever something above another one does."""
    return message if isinstance(message, str) else message[0]


def update(path: Path, words: Catalog) -> int:
    """Bring one language's file up to date; returns how many of its words wait for a translation."""
    header = path.read_text(encoding="utf-8").split("\n\n", 1)[0]
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parent.parent.name)
    catalogue.update(words, no_fuzzy_matching=True)
    body = io.BytesIO()
    write_po(
        body,
        catalogue,
        width=LINE_WIDTH,
        omit_header=True,
        ignore_obsolete=True,
        include_lineno=False,
        sort_by_file=True,
    )
    path.write_text(f"{header}\n\n{body.getvalue().decode().strip()}\n", encoding="utf-8")
    return sum(bool(message.id) and not translated(message) for message in catalogue)


def translated(message: Message) -> bool:
    """Whether every form of it has words."""
    forms = (message.string,) if isinstance(message.string, str) else message.string or ()
    return bool(forms) and all(forms)


def main() -> None:
    words = collected()
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/unisono.po")):
        waiting = update(path, words)
        sys.stdout.write(f"{path.parent.parent.name}: {len(words)} words, {waiting} wait for a translation\n")


if __name__ == "__main__":
    main()
