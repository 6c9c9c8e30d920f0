"""What a SAM server shows to people: what it holds, and what it can be asked. Complete without the internet."""

from __future__ import annotations

import json
from html import escape
from typing import Any

STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.3rem 1rem .3rem 0;vertical-align:top}"
    "pre{background:#8881;padding:.7rem;overflow:auto}"
)
FREE = (
    '<button id="free">Free images and embeddings</button>'
    "<script>document.getElementById('free').onclick = async () => "
    "{ await fetch('cache', {method: 'DELETE'}); location.reload() }</script>"
)
"""Other sites cannot send a DELETE: browsers ask the server first, and it does not answer that."""


def status_page(status: dict[str, Any]) -> str:
    """Return the status of a server, a flat dict of JSON values and of tables (lists of dicts), as HTML."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{_value(value)}</td></tr>" for name, value in status.items())
    return _page(str(status.get("name", "")), f'<table>{rows}</table><p>{FREE} <a href="docs">What it can be asked</a>')


def docs_page(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as HTML."""
    info = document["info"]
    operations = "".join(
        _operation(f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    link = '<p><a href="openapi.json">openapi.json</a>'
    return _page(info["title"], f"<p>{escape(info['description'])}{link}{operations}")


def _operation(title: str, operation: dict[str, Any]) -> str:
    asked, answered = operation.get("requestBody", {}).get("content", {}), operation["responses"]
    body = f"<pre>{escape(json.dumps(asked, indent=1, ensure_ascii=False))}</pre>" if asked else ""
    rows = [(code, answer["description"], ", ".join(answer.get("content", {}))) for code, answer in answered.items()]
    answers = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><p>{escape(operation['summary'])}{body}<table>{answers}</table>"


def _value(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if not isinstance(value, list):
        return escape(str(value))
    if not isinstance(value[0], dict):
        return escape(", ".join(map(str, value)))
    head = "".join(f"<th>{escape(name)}</th>" for name in value[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row.values()) + "</tr>" for row in value
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>"
    )
