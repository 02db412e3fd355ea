"""Find what a request sends, as the wire's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ...conversation import JSON


def body_of(options: Any) -> JSON:
    """The request as the wire's JSON: not a copy yet."""
    body = options.json_data
    extra = options.extra_json
    if extra:
        body = {**body, **extra} if isinstance(body, Mapping) else extra
    if options.files or options.method.upper() == "GET":
        body = {**(body if isinstance(body, Mapping) else {}), **_beside_the_body(options)}
    return body


def _beside_the_body(options: Any) -> dict[str, JSON]:
    """What else the request says: path and query of a GET, names and sizes of the files of a form."""
    said: dict[str, JSON] = {}
    if options.method.upper() == "GET":
        said["path"] = urlsplit(options.url).path
        if isinstance(options.params, Mapping):
            said.update({str(name): value for name, value in options.params.items()})
    files = options.files
    for name, file in files.items() if isinstance(files, Mapping) else files or ():
        described = _described(file)
        if name in said:  # several files under one name
            earlier = said[name]
            said[name] = [*(earlier if isinstance(earlier, list) else [earlier]), described]
        else:
            said[str(name)] = described
    return said


def _described(file: Any) -> JSON:
    if isinstance(file, tuple):
        described = {"filename": file[0] if file else None}
        content = file[1] if len(file) > 1 else None
        if len(file) > 2:  # (name, content, type)
            described["content_type"] = file[2]
    else:
        described, content = {"filename": getattr(file, "name", None)}, file
    if isinstance(content, (bytes, bytearray)):
        described["bytes"] = len(content)
    return described
