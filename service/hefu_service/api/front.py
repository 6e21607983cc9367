"""The front page: tells a person, or a program, where it is."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from hefu_service.api.context import context, text
from hefu_service.api.reader import in_language, language_of
from hefu_service.texts import Text, sentence

front: Final = Blueprint("front", __name__)
_LINKS: Final = ("/v1/trust", "/ledger/checkpoint", "/openapi.json", "/readyz")
_PAGE: Final = Markup(
    '<!doctype html><html lang="{language}"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>{title}</title>'
    "<h1>{title}</h1><p>{about}</p><p>{verify}</p><ul>{links}</ul></html>\n"
)
_LINK: Final = Markup('<li><a href="{path}">{path}</a> {says}</li>')


@front.get("/")
def show() -> ResponseReturnValue:
    """The service in a few words, in the reader's language: HTML for a browser, JSON otherwise."""
    language = language_of(request.headers.get("Accept-Language", ""))

    def say(said: Text) -> str:
        return in_language(said, language)

    words = {
        "title": say(sentence("front.title")),
        "about": say(sentence("front.about", origin=context().services.origin)),
        "verify": say(sentence("front.verify")),
    }
    links = {path: say(sentence(f"front.{path}")) for path in _LINKS}
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
        response = jsonify(words | {"links": links})
    else:
        listed = Markup("").join(_LINK.format(path=path, says=says) for path, says in links.items())
        page = _PAGE.format(language=language, links=listed, **words)
        response = text(page.encode(), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = "default-src 'none'"
    response.headers["Vary"] = "Accept, Accept-Language"
    return response
