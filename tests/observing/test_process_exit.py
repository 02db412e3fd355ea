"""A process that ends while answers are still coming: each call's span is finished, once, with what had arrived."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.hosts import HOSTS, Host
from support.programs import PIPELINE, SOURCE, TESTS, Ran, run
from support.services import SERVICES, STREAM_FORMS, TEXT_ARRIVED
from support.wire import Server, json_answer

PROGRAM = (
    PIPELINE
    + """
import sys
import genba
from support.hosts import HOSTS, Reading
from support.services import STREAM_FORMS, SERVICES

if sys.argv[4] == "traced":
    genba.init(tracer_provider=pipeline("spans.jsonl"), store="off")
[host] = [host for host in HOSTS if host.name == sys.argv[1]]
kept = []

async def scenario():
    for service in SERVICES:
        client = service.client(sys.argv[2], asynchronous=host.asynchronous)
        for form in STREAM_FORMS:
            reading = Reading(host)
            kept.append(reading)
            await reading.open(form, service, client)
            await reading.read_arrived()
        kept.append(client)

host.run(scenario)
if sys.argv[3] == "error":
    raise SystemExit(3)
"""
)


def exited(server: Server, host: Host, how: str, folder: Path) -> list[dict[str, Any]]:
    """The spans of a process that opened one stream of every form, read some, and ended."""
    by_path = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "messages"}
    services = {service.name: service for service in SERVICES}
    server.serve(lambda request: services[by_path[request.path.partition("?")[0]]].broken_stream(then="stall"))
    # CPython 3.13.0 crashes in its last collection when streams are open, with or without us: the code is what it is without.
    bare = run(PROGRAM, host.name, server.url, how, "bare", folder=folder, fails=True)
    assert bare.code in (3 if how == "error" else 0, -11), bare.err
    ran = run(PROGRAM, host.name, server.url, how, "traced", folder=folder, fails=True)
    assert ran.code == bare.code, ran.err
    # What an HTTP library says when its loop ends under it, it says without genba, too.
    assert "Failed to detach" not in ran.err
    assert "genba" not in ran.err, ran.err
    return ran.spans()


pytestmark = pytest.mark.skipif(not SERVICES, reason="no client is installed")
WAYS = [
    pytest.param(host, how, id=f"{host.name}-{how}")
    for host in HOSTS
    for how in ("end", "error")
    if how == "end" or not host.asynchronous
]


@pytest.mark.parametrize(("host", "how"), WAYS)
def test_streams_still_open_when_the_process_exits_are_finished_with_what_arrived(
    host: Host, how: str, server: Server, tmp_path: Path
) -> None:
    spans = exited(server, host, how, tmp_path)
    assert len(spans) == len(SERVICES) * len(STREAM_FORMS)
    for span in spans:
        told = span["attributes"]
        [message] = json.loads(told["gen_ai.output.messages"])
        assert message["parts"] == [{"type": "text", "content": TEXT_ARRIVED}]
        # The loop of an async host closes its streams at its end; nobody closes those of a sync host.
        assert told["genba.outcome"] in (("abandoned", "cancelled") if host.asynchronous else ("abandoned",))
        assert span["status"]["status_code"] == "UNSET"


IN_FLIGHT = (
    PIPELINE
    + """
import sys, threading
import genba
from support.services import SERVICES

genba.init(tracer_provider=pipeline("spans.jsonl"), store="off")
for service in SERVICES:
    resource = service.resource(service.client(sys.argv[1], asynchronous=False))
    threading.Thread(target=resource.create, kwargs=dict(service.ask), daemon=True).start()
sys.stdin.readline()
"""
)


def test_calls_that_nobody_answered_when_the_process_exits_are_finished_as_abandoned(server: Server, tmp_path: Path) -> None:
    server.serve(json_answer({}, then="stall"))
    program = subprocess.Popen(
        [sys.executable, "-c", IN_FLIGHT, server.url],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)])},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(server.received) < len(SERVICES) and program.poll() is None:
        time.sleep(0.01)
    _, complaints = program.communicate("go\n", timeout=60)
    assert "Traceback" not in complaints, complaints
    found = [span["attributes"] for span in Ran(0, "", complaints, tmp_path).spans()]
    assert len(found) == len(SERVICES)
    assert {told["genba.outcome"] for told in found} == {"abandoned"}
    assert all("gen_ai.input.messages" in told for told in found)
