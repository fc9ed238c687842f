"""The pages' catalogues and the texts they must hold; `make texts` brings them up to the sources."""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

API = Path(__file__).parents[2] / "api"
CATALOGUES = sorted((API / "locale").glob("*/LC_MESSAGES/pages.po"))
KEYWORDS = {**DEFAULT_KEYWORDS, "plurals": (1, 2)}
METHODS = [("pages/**.py", "python"), ("templates/**.html", "jinja2")]
HEADER = """\
msgid ""
msgstr ""
"Language: {locale}\\n"
"Plural-Forms: {plural_forms}\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""


def extracted() -> Catalog:
    """Every text of the templates and of `api/pages`, with the comments for translators."""
    catalog = Catalog()
    tags = ["Translators:"]
    for _, _, message, comments, context in extract_from_dir(
        API, METHODS, keywords=KEYWORDS, comment_tags=tags, strip_comment_tags=True
    ):
        catalog.add(message, auto_comments=comments, context=context)
    return catalog


def read(path: Path) -> Catalog:
    """A catalogue as it is stored; an empty file is a new language."""
    with path.open("rb") as source:
        return read_po(source, locale=path.parts[-3], abort_invalid=True)


def written(catalog: Catalog) -> str:
    """A catalogue as it should be stored."""
    body = io.BytesIO()
    write_po(body, catalog, omit_header=True, no_location=True, ignore_obsolete=True, width=100)
    header = HEADER.format(locale=catalog.locale, plural_forms=catalog.plural_forms)
    return header + body.getvalue().decode()


def updated(path: Path) -> str:
    """A catalogue with the texts of the sources: new ones empty, removed ones gone."""
    catalog = read(path)
    catalog.update(extracted(), no_fuzzy_matching=True)
    return written(catalog)


if __name__ == "__main__":
    for path in CATALOGUES:
        path.write_text(updated(path))
