"""A ClickHouse server for tests: the engine in process (chDB) behind ClickHouse's HTTP interface, in a process of its own.

Run as a program, `python -m support.clickhouse FOLDER`, it serves and says where. The interface is the part that the real clients use: a
query in the body, values as `param_NAME`, the answer in the format that the query names.
"""

from __future__ import annotations

import base64
import email
import os
import subprocess
import sys
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.programs import SOURCE, TESTS

USER, PASSWORD = "reader", "s3cr&t/pass"


class ClickHouse:
    """A server with its data in `folder`."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)])}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.clickhouse", str(folder)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def main(folder: str) -> None:
    """Serve until ended."""
    from chdb.session import Session

    session, lock = Session(folder), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            self._answer(200, b"Ok.\n")

        def do_POST(self) -> None:
            options = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            fields = _fields(self.headers, body)
            sql = fields.pop("query", None) or (options.get("query", "") + "\n" + body.decode() if not fields else options["query"])
            given = {name[6:]: value for name, value in {**options, **fields}.items() if name.startswith("param_")}
            if self.headers.get("authorization") != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
                self._answer(403, b"Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)", "516")
                return
            try:
                with lock:
                    if options.get("database"):
                        session.query(f"USE {options['database']}")
                    result = session.query(sql, "TabSeparated", params=given).bytes()
            except Exception as error:  # the engine's own, whatever it is
                code = str(error).partition("Code: ")[2].partition(".")[0]
                self._answer(404 if code == "81" else 500, str(error).encode(), code or "1")
                return
            self._answer(200, result)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def _answer(self, status: int, body: bytes, code: str | None = None) -> None:
            self.send_response(status)
            self.send_header("X-ClickHouse-Timezone", "UTC")
            if code:
                self.send_header("X-ClickHouse-Exception-Code", code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def _fields(headers: Message, body: bytes) -> dict[str, str]:
    """Long values come as a form instead of in the address."""
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return {}
    form = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    found = {}
    for part in form.get_payload():
        assert isinstance(part, Message)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return found


if __name__ == "__main__":
    main(sys.argv[1])
