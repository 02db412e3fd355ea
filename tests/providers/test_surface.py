"""Every request that the installed clients can make is an operation of ours, or is left out for a reason: a new method fails here.

The clients are generated, so their source says it: each method of a resource calls `self._post("/path", …)` or a sister of it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from genba.libraries import LIBRARIES
from genba.providers import anthropic, cerebras, fireworks, groq, openai, together, writer


def is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # a part of a package that is not there
        return False


VERBS = {"_get": "GET", "_post": "POST", "_put": "PUT", "_patch": "PATCH", "_delete": "DELETE", "_get_api_list": "GET"}
FAMILY = {
    "openai": openai, "anthropic": anthropic, "groq": groq, "together": together, "fireworks": fireworks, "cerebras": cerebras,
    "writer": writer,
}  # fmt: skip
CLIENTS = {name: module.CLIENT for name, module in FAMILY.items()}
"""By their names in the table of libraries."""
INSTALLED = [name for name, client in CLIENTS.items() if is_installed(client.package)]
installed = pytest.mark.parametrize("package", INSTALLED)

BOOKKEEPING = "keeps records: no model is at work"
STORED = "reads, changes or cancels what was made before: the model's work was recorded when it was asked for"
BATCHES = "puts work into a queue of the provider's; none of it is answered here"
SESSIONS = "opens or steers a session whose talk goes over a socket, or an agent that the provider hosts: no answer comes back here"
LATER = "a model is at work, in an API that the conventions have no operation for; listed under what is not covered yet"

LEFT_OUT: dict[str, dict[str, str]] = {
    "openai": {
        "* /organization": BOOKKEEPING,
        "* /projects": BOOKKEEPING,
        "* /files": BOOKKEEPING,
        "* /uploads": BOOKKEEPING,
        "* /containers": BOOKKEEPING,
        "* /skills": BOOKKEEPING,
        "* /vaults": BOOKKEEPING,
        "* /webhook_endpoints": BOOKKEEPING,
        "* /webhook_event_types": BOOKKEEPING,
        "* /models": BOOKKEEPING,
        "* /conversations": BOOKKEEPING,
        "* /safety": BOOKKEEPING,
        "POST /vector_stores": BOOKKEEPING,
        "GET /vector_stores": BOOKKEEPING,
        "DELETE /vector_stores": BOOKKEEPING,
        "* /audio/voices": BOOKKEEPING,
        "* /audio/voice_consents": BOOKKEEPING,
        "* /assistants": BOOKKEEPING,
        "GET /batches": STORED,
        "POST /batches/{id}/cancel": STORED,
        "* /fine_tuning": BATCHES,
        "* /evals": BATCHES,
        "GET /chat/completions": STORED,
        "DELETE /chat/completions": STORED,
        "POST /chat/completions/{id}": STORED,
        "DELETE /responses": STORED,
        "POST /responses/{id}/cancel": STORED,
        "GET /responses/{id}/input_items": STORED,
        "* /realtime": SESSIONS,
        "* /live": SESSIONS,
        "* /chatkit": SESSIONS,
        "* /agents": SESSIONS,
        "* /threads": LATER,
        "* /videos": LATER,
        "* /decisions": LATER,
        "* /content_provenance_checks": LATER,
    },
    "anthropic": {
        "* /v1/organizations": BOOKKEEPING,
        "* /v1/files": BOOKKEEPING,
        "* /v1/skills": BOOKKEEPING,
        "* /v1/models": BOOKKEEPING,
        "* /v1/vaults": BOOKKEEPING,
        "* /v1/tunnels": BOOKKEEPING,
        "* /v1/memory_stores": BOOKKEEPING,
        "* /v1/user_profiles": BOOKKEEPING,
        "* /v1/environments": BOOKKEEPING,
        "GET /v1/messages/batches": STORED,
        "DELETE /v1/messages/batches": STORED,
        "POST /v1/messages/batches/{id}/cancel": STORED,
        "GET batch.results_url": STORED,
        "* /v1/agents": SESSIONS,
        "* /v1/sessions": SESSIONS,
        "* /v1/deployments": SESSIONS,
        "* /v1/deployment_runs": SESSIONS,
        "* /v1/dreams": SESSIONS,
    },
    "groq": {
        "* /openai/v1/files": BOOKKEEPING,
        "* /openai/v1/models": BOOKKEEPING,
        "GET /openai/v1/batches": STORED,
        "POST /openai/v1/batches/{id}/cancel": STORED,
    },
    "together": {
        **dict.fromkeys(
            (
                *("* /v1/files", "* /v1/compute", "* /v1/deployments", "* /v1/billing", "* /v1/finetune", "* /v1/projects"),
                *("* /v1/voices", "* /v2/projects", "* /v2/organizations", "* /v2/public", "* /v2/supported-models"),
            ),
            BOOKKEEPING,
        ),
        "* /v1/fine-tunes": BATCHES,
        "* /v1/evaluation": BATCHES,
        "* /v1/queue": BATCHES,
        "* /v1/shaping": BATCHES,
        "* /v1/rl": BATCHES,
        "GET /v1/batches": STORED,
        "POST /v1/batches/{id}/cancel": STORED,
        "* /v2/videos": LATER,
    },
    "fireworks": {"* /v1/accounts": BOOKKEEPING},
    "cerebras": {"* /v1/models": BOOKKEEPING},
    "writer": {
        "* /v1/files": BOOKKEEPING,
        "* /v1/models": BOOKKEEPING,
        "POST /v1/graphs/question": LATER,
        "* /v1/graphs": BOOKKEEPING,
        "* /v1/tools": LATER,
        "* /v1/translation": LATER,
        "* /v1/vision": LATER,
        "* /v1/applications": LATER,
    },
}
"""`METHOD /path`, which covers what lies under the path as well, `*` for every method -> why it makes no span."""


def requests_of(package: str) -> dict[str, list[str]]:
    """`METHOD /path` -> the methods of the installed client that ask for it."""
    found: dict[str, list[str]] = defaultdict(list)
    root = Path(str(import_module(CLIENTS[package].package).__file__)).parent / "resources"
    for path in sorted(root.rglob("*.py")):
        for kind in (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)):
            for method in (node for node in kind.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))):
                for route in _routes_in(method):
                    found[route].append(f"{'.'.join(path.relative_to(root).with_suffix('').parts)}:{kind.name}.{method.name}")
    return found


def _routes_in(method: ast.AST) -> Iterator[str]:
    for call in ast.walk(method):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in VERBS
            and ast.unparse(call.func.value) == "self"
        ):
            path = call.args[0] if call.args else next(keyword.value for keyword in call.keywords if keyword.arg == "path")
            method = next((ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "method"), None)
            yield f"{method.upper() if method else VERBS[call.func.attr]} {_path(path)}"


def _path(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):  # a server, unless the client has another, and the path there
        node = node.right
    if isinstance(node, ast.Call):  # path_template("/responses/{response_id}", response_id=response_id)
        node = node.args[0]
    if isinstance(node, ast.Constant):
        path = str(node.value)
    elif isinstance(node, ast.JoinedStr):
        path = "".join(str(piece.value) if isinstance(piece, ast.Constant) else "{id}" for piece in node.values)
    elif isinstance(node, ast.IfExp):
        path = _path(node.body)
    else:
        path = ast.unparse(node)
    return re.sub(r"\{[\w.]+\}", "{id}", path.partition("?")[0])


def is_left_out(package: str, route: str) -> bool:
    verb, _, path = route.partition(" ")
    for left_out in LEFT_OUT[package]:
        left_verb, _, left_path = left_out.partition(" ")
        if left_verb in ("*", verb) and (path == left_path or path.startswith(f"{left_path}/")):
            return True
    return False


@installed
def test_every_request_of_the_client_is_an_operation_or_left_out_for_a_reason(package: str) -> None:
    if package == "together" and import_module(package).__version__ < "3":
        pytest.skip("its older releases have other paths for what is left out")
    found = requests_of(package)
    assert len(found) > 3, "the client's source is read no longer as it should be"
    routes = {re.sub(r"\{[\w.]+\}", "{id}", route) for route in CLIENTS[package].routes}
    unknown = {route: methods for route, methods in found.items() if route not in routes and not is_left_out(package, route)}
    assert unknown == {}, "new methods: give them an Endpoint, or say in LEFT_OUT why they need none"


@installed
def test_what_is_an_operation_is_not_left_out_as_well(package: str) -> None:
    exact = {route for route in CLIENTS[package].routes if route in LEFT_OUT[package]}
    assert exact == set()


@installed
def test_every_operation_is_still_a_request_of_the_newest_client(package: str) -> None:
    module = import_module(CLIENTS[package].package)
    newest = int(re.findall(r"<(\d+)", LIBRARIES[package].versions)[0]) - 1
    if int(module.__version__.split(".")[0]) < newest:
        pytest.skip(f"{package} {module.__version__} is an older one")
    found = set(requests_of(package))
    # Gone from the newest client, and still served to `client.post`; and the own endpoints of servers that speak like OpenAI too.
    by_hand = {"POST /v1/complete", "POST /completion", "POST /generate"}
    routes = {re.sub(r"\{[\w.]+\}", "{id}", route) for route in CLIENTS[package].routes} - by_hand
    older = {route for route in routes if route.replace("POST /", "POST /v1/") in routes}  # the same without its prefix
    assert routes - older <= found


@installed
def test_every_reason_is_still_needed_by_the_newest_client(package: str) -> None:
    module = import_module(CLIENTS[package].package)
    newest = int(re.findall(r"<(\d+)", LIBRARIES[package].versions)[0]) - 1
    if int(module.__version__.split(".")[0]) < newest:
        pytest.skip(f"{package} {module.__version__} is an older one")
    found = set(requests_of(package))

    def covers(left_out: str) -> bool:
        verb, _, path = left_out.partition(" ")
        return any(
            verb in ("*", one.split(" ")[0]) and (one.split(" ")[1] == path or one.split(" ")[1].startswith(f"{path}/"))
            for one in found
        )

    assert [left_out for left_out in LEFT_OUT[package] if not covers(left_out)] == []


@installed
def test_methods_for_the_fallback_are_methods_of_the_client(package: str) -> None:
    for where, route in CLIENTS[package].methods.items():
        module, _, attribute = where.partition(":")
        kind, _, method = attribute.partition(".")
        assert route in CLIENTS[package].routes
        for name in (kind, f"Async{kind}"):
            assert callable(getattr(getattr(import_module(module), name), method))


@installed
def test_the_seams_are_where_they_were(package: str) -> None:
    base = import_module(f"{CLIENTS[package].package}._base_client")
    for kind in (base.SyncAPIClient, base.AsyncAPIClient):
        assert callable(vars(kind)["request"])
        assert callable(vars(kind)["_process_response"])
        assert callable(vars(kind)["_sleep_for_retry"])
