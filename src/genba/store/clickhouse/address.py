"""Where a ClickHouse table is: `clickhouse://user:password@host:8123/database?table=otel_traces&secure=1`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from ..errors import StoreError

SCHEME: Final = "clickhouse://"
TABLE: Final = "otel_traces"
"""What the collector's exporter calls its table, where nothing else is said to it."""
PASSWORD: Final = "CLICKHOUSE_PASSWORD"  # noqa: S105  # the name of a variable
SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A table, and how to reach it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    table: str
    secure: bool
    verify: bool
    seconds: int
    """How long one question may take."""

    def __str__(self) -> str:
        """As it is written, without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        secure = "&secure=1" if self.secure else ""
        return f"{SCHEME}{quote(self.user)}@{host}:{self.port}/{quote(self.database)}?table={quote(self.table)}{secure}"


def is_one(said: object) -> bool:
    """Whether this means a table in ClickHouse rather than a file."""
    return isinstance(said, str) and said.strip().lower().startswith(SCHEME)


def hidden(text: str) -> str:
    """`text` with the passwords left out of the addresses in it."""
    return _CREDENTIALS.sub(r"\1:***@", text)


def parse(said: str, origin: str, environ: Mapping[str, str] | None = None) -> Address:
    """The address that is written so.

    Raises:
        StoreError: it cannot be one. What was said is not in the message: there may be a password in it.
    """
    try:
        url = urlsplit(said.strip())
        host, port = url.hostname, url.port
        options = dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
    except ValueError as error:
        raise StoreError(f"{origin} is not an address of ClickHouse that can be read. {WRITE}") from error
    unknown = sorted(set(options) - set(OPTIONS))
    if not host or unknown or "/" in url.path.strip("/"):
        what = f"has {', '.join(unknown)}=, which means nothing there" if unknown else "names no host, or more than a database"
        raise StoreError(f"{origin} {what}. {WRITE}")
    secure = _switch(options, "secure", origin, default=False)
    return Address(
        host=host,
        port=port or (8443 if secure else 8123),
        user=unquote(url.username or "") or "default",
        password=_password(url, os.environ if environ is None else environ),
        database=unquote(url.path.strip("/")) or "default",
        table=options.get("table") or TABLE,
        secure=secure,
        verify=_switch(options, "verify", origin, default=True),
        seconds=_seconds(options, origin),
    )


def _password(url: SplitResult, environ: Mapping[str, str]) -> str:
    return unquote(url.password) if url.password is not None else environ.get(PASSWORD, "")


def _switch(options: Mapping[str, str], name: str, origin: str, *, default: bool) -> bool:
    word = options.get(name, "").lower()
    if word not in _WORDS and name in options:
        raise StoreError(f"{origin} has {name}={options[name]!r}, which is neither 1 nor 0.")
    return _WORDS.get(word, default)


def _seconds(options: Mapping[str, str], origin: str) -> int:
    said = options.get("timeout", str(SECONDS))
    if not said.isascii() or not said.isdigit() or not int(said):
        raise StoreError(f"{origin} has timeout={said!r}, which is no number of seconds.")
    return int(said)


OPTIONS: Final = ("table", "secure", "verify", "timeout")
WRITE: Final = (
    f"Write {SCHEME}user:password@host:8123/database?table={TABLE}, with secure=1 for HTTPS, verify=0 for a certificate that cannot "
    f"be checked, timeout=SECONDS; the password may stand in {PASSWORD} instead."
)
_CREDENTIALS: Final = re.compile(r"(clickhouse://[^\s:@/]*):[^\s]*@", re.IGNORECASE)
_WORDS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
