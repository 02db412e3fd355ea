"""A fake of Weaviate: its `Search` over gRPC, in the client's own protocol, and the little that is asked over HTTP."""

from __future__ import annotations

import struct
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from support.hosts import Host
from support.stores import DOCUMENTS, NEAREST, QUERY, VECTORS, WORDS, Place, Stand, Strike
from support.wire import json_answer

IDS = {one: uuid.uuid5(uuid.NAMESPACE_OID, one) for one in NEAREST}
STATE: dict[str, Any] = {}


def _servicer() -> Any:
    import grpc
    from weaviate.proto.v1 import properties_pb2, search_get_pb2, weaviate_pb2_grpc

    class Servicer(weaviate_pb2_grpc.WeaviateServicer):  # type: ignore[misc,name-defined]
        def Search(self, request: Any, context: Any) -> Any:  # noqa: N802  # its name on the wire
            STATE["request"] = request
            if request.tenant == "hang":
                STATE["strike"]()
                left = threading.Event()
                context.add_callback(left.set)
                left.wait(20)
            if request.tenant == "wrong":
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such tenant")
            reply = search_get_pb2.SearchReply()
            for one in () if request.HasField("filters") else NEAREST:
                fields = {"text": properties_pb2.Value(text_value=DOCUMENTS[one]), "page": properties_pb2.Value(int_value=1)}
                pages = struct.pack("<3q", 1, 2, 3)
                listed = properties_pb2.ListValue(int_values=properties_pb2.IntValues(values=pages))
                fields["pages"] = properties_pb2.Value(list_value=listed)
                said = search_get_pb2.MetadataResult(
                    id=str(IDS[one]), id_as_bytes=IDS[one].bytes, distance=0.25, distance_present=True, vector=VECTORS[one]
                )
                properties = search_get_pb2.PropertiesResult(
                    target_collection="docs", non_ref_props=properties_pb2.Properties(fields=fields)
                )
                reply.results.append(search_get_pb2.SearchResult(metadata=said, properties=properties))
            return reply

    return Servicer(), weaviate_pb2_grpc.add_WeaviateServicer_to_server


async def _open(place: Place) -> Any:
    import grpc
    import weaviate

    place.server.serve(lambda request: json_answer({"version": "1.34.0"}, 200 if request.path.endswith("/meta") else 404))
    server = grpc.server(ThreadPoolExecutor(4))
    servicer, add = _servicer()
    add(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    where: dict[str, Any] = {
        "http_host": "127.0.0.1", "http_port": place.server.port, "http_secure": False,
        "grpc_host": "127.0.0.1", "grpc_port": port, "grpc_secure": False, "skip_init_checks": True,
    }  # fmt: skip
    client: Any
    if place.host.asynchronous:
        client = weaviate.use_async_with_custom(**where)
        await client.connect()
    else:
        client = weaviate.connect_to_custom(**where)
    place.opened.append(client)
    STATE["server"], STATE["port"] = server, port
    return client.collections.get("Docs")


def _hang(collection: Any, place: Place, strike: Strike) -> Any:
    STATE["strike"] = strike
    return collection.with_tenant("hang").query.near_vector(near_vector=QUERY, limit=2)


def _nowhere() -> Any:
    from weaviate.classes.query import Filter

    return Filter.by_property("page").equal(99)


async def _ids(result: Any, host: Host) -> Any:
    names = {given: one for one, given in IDS.items()}
    return [names[one.uuid] for one in result.objects]


STANDS = (
    Stand(
        name="weaviate",
        library="weaviate",
        packages=("weaviate",),
        open=_open,
        search=lambda collection: collection.query.near_text(query=WORDS, limit=2, include_vector=True),
        search_in_vain=lambda collection: collection.query.near_vector(near_vector=QUERY, limit=2, filters=_nowhere()),
        fail=lambda collection: collection.with_tenant("wrong").query.near_text(query=WORDS, limit=2),
        hang=_hang,
        ids=_ids,
        collection="Docs",
        reads_words=True,
        operation="grpc_search",
    ),
)
