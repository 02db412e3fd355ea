"""Questions to a ClickHouse server, through its own client `clickhouse-connect`. Values are bound by the server, never written into SQL."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from ..errors import StoreError
from .address import OPTIONS, PASSWORD, Address

NEEDED: Final = frozenset(
    (
        *("Timestamp", "TraceId", "SpanId", "ParentSpanId", "SpanName", "SpanKind", "ScopeName", "ResourceAttributes"),
        *("SpanAttributes", "Duration", "StatusCode", "StatusMessage"),
        *("Events.Timestamp", "Events.Name", "Events.Attributes", "Links.TraceId", "Links.SpanId", "Links.Attributes"),
    )
)
"""Columns of the collector's table."""
LOOKUP: Final = "_trace_id_ts"
"""What its second table is called after the first: when each trace began and ended."""


class Connection:
    """A server that answers, and has the table.

    Raises:
        StoreError: it does not; the message says what to do.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client = self._connected()
        try:
            self.has_lookup = self._checked()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the server."""
        self._client.close()

    def ask(self, sql: str, **values: Any) -> Sequence[Sequence[Any]]:
        """The rows that answer a question, with `values` where it has `{name:Type}`; `database`, `table` and `lookup` are known."""
        named = {"database": self.address.database, "table": self.address.table, "lookup": self.address.table + LOOKUP}
        given = {name: value for name, value in {**named, **values}.items() if f"{{{name}:" in sql}
        try:
            rows: Sequence[Sequence[Any]] = self._client.query(sql, parameters=given).result_rows
        except Exception as error:  # noqa: BLE001  # its own, those of urllib3 and of the system
            raise self._explained(error) from None
        return rows

    def _connected(self) -> Any:
        try:
            import clickhouse_connect
        except ModuleNotFoundError as error:
            raise StoreError(
                "Reading from ClickHouse needs clickhouse-connect, which is not installed. Install it with: pip install 'genba[clickhouse]'"
            ) from error
        # It logs the bodies of failed answers; we say what is wrong.
        logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
        to = self.address
        try:
            return clickhouse_connect.get_client(
                host=to.host,
                port=to.port,
                username=to.user,
                password=to.password,
                database=to.database,
                secure=to.secure,
                verify=to.verify,
                connect_timeout=10,
                send_receive_timeout=to.seconds,
                client_name="genba",
                # Without a session, two questions can be under way at a time.
                autogenerate_session_id=False,
            )
        except Exception as error:  # noqa: BLE001  # the same
            raise self._explained(error) from None

    def _checked(self) -> bool:
        sql = "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}"
        types = {str(name): str(kind) for name, kind in self.ask(sql)}
        if not types:
            raise StoreError(f"There is no table at {self.address}. {_COLLECTOR}")
        if NEEDED - set(types):
            raise StoreError(
                f"The table at {self.address} is not one of spans: it has no column {', '.join(sorted(NEEDED - set(types)))}. {_COLLECTOR}"
            )
        if not types["SpanAttributes"].startswith("Map("):
            raise StoreError(
                f"The table at {self.address} keeps attributes as {types['SpanAttributes']}, and genba reads those of the collector's "
                "default schema, Map(LowCardinality(String), String): leave 'json' out of the settings of its ClickHouse exporter."
            )
        sql = "SELECT count() FROM system.tables WHERE database = {database:String} AND name = {lookup:String}"
        return bool(self.ask(sql)[0][0])

    def _explained(self, error: Exception) -> StoreError:
        if isinstance(error, StoreError):
            return error
        said = " ".join(str(error).split()) or type(error).__name__
        if self.address.password:
            said = said.replace(self.address.password, "***")
        fix = next((fix for words, fix in _FIXES if any(word in said for word in words)), _OTHERWISE)
        return StoreError(f"ClickHouse at {self.address} could not be asked: {said[:_LONG]}. {fix}")


_LONG: Final = 600
_COLLECTOR: Final = (
    f"An OpenTelemetry Collector with the ClickHouse exporter makes it; say which it is with ?{OPTIONS[0]}=NAME, and see the page "
    "'Many machines' of genba's documentation."
)
_OTHERWISE: Final = "Ask again, or look into the server's log."
_FIXES: Final[Sequence[tuple[Sequence[str], str]]] = (
    (
        ("AUTHENTICATION_FAILED", "Code: 516", "Code: 194", "REQUIRED_PASSWORD"),
        f"Check the user and password of the address; the password may also stand in {PASSWORD}.",
    ),
    (("UNKNOWN_DATABASE", "Code: 81"), "Name the database after the host: clickhouse://host:8123/DATABASE."),
    (
        ("ACCESS_DENIED", "Code: 497"),
        "The user needs SELECT on the table, and on the one beside it whose name ends in _trace_id_ts.",
    ),
    (
        ("TIMEOUT_EXCEEDED", "Code: 159", "timed out", "Timeout"),
        "Ask for less (since=… or --since), or give it longer with timeout=SECONDS in the address.",
    ),
    (("MEMORY_LIMIT_EXCEEDED", "Code: 241"), "Ask for less (since=… or --since), or give the user more memory on the server."),
    (
        ("refused", "resolve", "unreachable", "Max retries", "Connection", "SSL", "certificate"),
        "Check host and port (ClickHouse's HTTP interface: 8123, or 8443 with secure=1), and that the server runs.",
    ),
)
