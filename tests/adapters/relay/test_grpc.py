"""gRPC as gRPC itself speaks it, without TLS: every call is seen with its method, and gets faults of its own kind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.model.facts import FaultKind, Join
from greenproof.model.faults import CaseFaults, FaultPlan
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Disturbance, Means

PATIENCE_S = 10


def reserve(request: bytes, context: grpc.ServicerContext) -> bytes:
    context.send_initial_metadata((("x-greenproof-revision", "stock-1"),))
    if request == b"none":
        context.abort(grpc.StatusCode.NOT_FOUND, "none")
    return b"reserved " + request


def watch(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    return (request + b"%d" % number for number in range(3))


@pytest.fixture(scope="module")
def stock() -> Iterator[int]:
    methods = {
        "Reserve": grpc.unary_unary_rpc_method_handler(reserve),
        "Watch": grpc.unary_stream_rpc_method_handler(watch),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Stock", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait(5)


@pytest.fixture(scope="module")
def witness(stock: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witness]:
    target = RelayTarget("stock", f"http://127.0.0.1:{stock}", {"API": "{hostport}"})
    operators = "greenproof.analysis.sensitivity.registry"
    with Witness.start([target], state=tmp_path_factory.mktemp("witness"), operators=operators) as held:
        yield held


def call(told, request=b"x"):
    with grpc.insecure_channel(told.api) as channel:
        return channel.unary_unary("/shop.Stock/Reserve")(request, timeout=PATIENCE_S)


def test_calls_are_seen_by_their_method(run):
    told = run.begin().hello()
    with told.case("t::a"):
        assert call(told) == b"reserved x"
    with told.case("t::b"), grpc.insecure_channel(told.api) as channel:
        assert list(channel.unary_stream("/shop.Stock/Watch")(b"n", timeout=PATIENCE_S)) == [b"n0", b"n1", b"n2"]
    with told.case("t::c"), pytest.raises(grpc.RpcError) as refused:
        call(told, b"none")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert [(x.case, x.method, x.path, x.identity, x.join) for x in run.exchanges()] == [
        ("t::a", "GRPC", "/shop.Stock/Reserve", "stock-1", Join.PORT),
        ("t::b", "GRPC", "/shop.Stock/Watch", None, Join.PORT),
        ("t::c", "GRPC", "/shop.Stock/Reserve", "stock-1", Join.PORT),
    ]


def test_a_call_gets_an_error_of_grpc(run):
    plan = FaultPlan(FaultKind.ERROR, {"t::a": CaseFaults((Route.parse("GRPC shop.Stock/Reserve"),))}, ())
    told = run.begin(plan).hello()
    with told.case("t::a"), pytest.raises(grpc.RpcError) as failed:
        call(told)
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    with told.case("t::b"):
        assert call(told) == b"reserved x"
    assert [(x.case, x.fault) for x in run.exchanges()] == [("t::a", FaultKind.ERROR), ("t::b", None)]


@pytest.mark.parametrize("means", [Means.CLOSED, Means.RESET])
def test_a_call_whose_connection_ends_and_the_next_one(run, means):
    fault = Disturbance(f"connection-{means}", means, Route.parse("GRPC shop.Stock/Reserve"))
    told = run.begin(FaultPlan(FaultKind.SENSITIVITY, {"t::a": CaseFaults(disturbance=fault)}, ())).hello()
    with told.case("t::a"), pytest.raises(grpc.RpcError) as failed:
        call(told)
    assert failed.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED)
    with told.case("t::b"):
        assert call(told) == b"reserved x"
    assert [(x.case, x.fault) for x in run.exchanges()] == [("t::a", FaultKind.SENSITIVITY), ("t::b", None)]
