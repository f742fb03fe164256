"""Real servers, a real witness, and a small real client of the control protocol in the plugin's place."""

import asyncio
import contextlib
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import hypercorn.asyncio
import hypercorn.config
import pytest
from aiohttp import WSMsgType, web
from certificates import certificate

from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.model.facts import CaseRecord, Exchange, FaultKind, RunObservation
from greenproof.model.faults import CaseFaults, FaultPlan
from greenproof.model.performance import Watch
from greenproof.model.routes import Route

BIG = 50 << 20
ADA = {"name": "Ada", "age": 36, "tags": ["x", "y"], "ok": True, "none": None}
HEADERS = {"X-Greenproof-Revision": "api-1", "X-Greenproof-Depth": "core", "ETag": '"1"'}
SLOW_S = 0.03  # for which the slow service waits before each step


class Background:
    """An event loop in a thread, with whatever server is put into it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class Service:
    """An aiohttp service and what it saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.released = asyncio.Event()
        self.port = 0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30, middlewares=[self._note])
        for path, handler in (
            ("/json", self.json), ("/page", self.page), ("/gzip", self.gzip), ("/big", self.big),
            ("/large-json", self.large_json), ("/events", self.events), ("/idle", self.idle),
            ("/empty", self.empty), ("/unchanged", self.unchanged), ("/missing", self.missing),
            ("/away", self.away), ("/cookie", self.cookie), ("/upload", self.upload), ("/chunked", self.chunked),
            ("/ws", self.ws), ("/closed-ws", self.closed_ws), ("/health", self.json), ("/nothing", self.nothing),
            ("/numbers", self.numbers), ("/burst-ws", self.burst_ws), ("/bye-ws", self.bye_ws),
            ("/slow", self.slow), ("/slow-ws", self.slow_ws), ("/said/{name}", self.said),
        ):  # fmt: skip
            app.router.add_route("*", path, handler)
        app.router.add_route("*", "/{rest:.*}", self.json)
        return app

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.seen.append((request.method, request.path, {k.lower(): v for k, v in request.headers.items()}))
        return await handler(request)

    async def json(self, request: web.Request) -> web.Response:
        return web.json_response(ADA, headers=HEADERS)

    async def numbers(self, request: web.Request) -> web.Response:
        return web.json_response([1, 2, 3])

    async def said(self, request: web.Request) -> web.Response:
        answer = web.Response(body=await request.read(), content_type=request.content_type)
        if "gzip" in request.query:
            answer.enable_compression(web.ContentCoding.gzip)
        if "chunked" in request.query:
            answer.enable_chunked_encoding()
        return answer

    async def nothing(self, request: web.Request) -> web.Response:
        return web.json_response({})

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text="<p class='a'>Hello <b>world</b></p>", content_type="text/html")

    async def gzip(self, request: web.Request) -> web.Response:
        answer = web.json_response({"name": "Ada" * 500})
        answer.enable_compression(web.ContentCoding.gzip, strategy=0)
        return answer

    async def big(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(BIG)})
        await answer.prepare(request)
        for _ in range(50):
            await answer.write(b"x" * (1 << 20))
        return answer

    async def large_json(self, request: web.Request) -> web.Response:
        return web.json_response({"items": [{"id": n, "name": f"item {n}"} for n in range(60_000)]})

    async def chunked(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        for part in (b"one ", b"two ", b"three"):
            await answer.write(part)
        return answer

    async def events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b'data: {"n": 1}\n\n')
        with contextlib.suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(self.released.wait(), 10)
            await answer.write(b"data: last\n\n")
        return answer

    async def idle(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.released.wait(), 10)
        return answer

    async def empty(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def unchanged(self, request: web.Request) -> web.Response:
        return web.Response(status=304, headers={"ETag": '"1"'})

    async def missing(self, request: web.Request) -> web.Response:
        return web.json_response({"error": "no such thing"}, status=404)

    async def away(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{self.port}/json?a=1"})

    async def cookie(self, request: web.Request) -> web.Response:
        return web.Response(headers={"Set-Cookie": "s=1; Domain=example.test; Path=/; HttpOnly"})

    async def upload(self, request: web.Request) -> web.Response:
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        return web.json_response({"size": size})

    async def ws(self, request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse(protocols=("chat",), compress=True)
        await answer.prepare(request)
        async for message in answer:
            if message.type is WSMsgType.TEXT:
                await answer.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await answer.send_bytes(message.data)
        return answer

    async def burst_ws(self, request: web.Request) -> web.WebSocketResponse:
        """Three messages at once, and no word is waited for."""
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        for text in ("1", "2", "3"):
            await answer.send_str(text)
        async for _ in answer:
            pass
        return answer

    async def bye_ws(self, request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        await answer.close(code=int(request.query["code"]), message=b"bye")
        return answer

    async def slow(self, request: web.Request) -> web.StreamResponse:
        """Takes its time before the head, and again before the end."""
        await request.read()
        answer = web.StreamResponse(headers={"Content-Length": "8"})
        await asyncio.sleep(SLOW_S)
        await answer.prepare(request)
        await answer.write(b"half")
        await asyncio.sleep(SLOW_S)
        await answer.write(b"half")
        return answer

    async def slow_ws(self, request: web.Request) -> web.WebSocketResponse:
        """Takes its time to accept, and before each of the three messages that answer one."""
        await asyncio.sleep(SLOW_S)
        answer = web.WebSocketResponse()
        await answer.prepare(request)

        async def work(asked: dict[str, Any]) -> None:
            for kind in ("started", "piece", "done"):
                await asyncio.sleep(SLOW_S)
                await answer.send_json({"kind": kind, "id": asked["id"], "text": "s3cret" * asked.get("times", 1)})

        working = [asyncio.create_task(work(message.json())) async for message in answer]
        for task in working:
            task.cancel()
        return answer

    async def closed_ws(self, request: web.Request) -> web.Response:
        return web.json_response({"error": "no"}, status=403)


async def secure_app(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application behind TLS and HTTP/2."""
    if scope["type"] != "http":
        return
    body = json.dumps({"path": scope["path"], "http": scope["http_version"], "n": 5}).encode()
    headers = [(b"content-type", b"application/json"), (b"x-greenproof-revision", b"secure-1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    held = Background()
    yield held
    held.close()


@pytest.fixture(scope="session")
def served(background: Background) -> Iterator[Service]:
    async def start() -> tuple[Service, web.AppRunner]:
        service = Service()
        runner = web.AppRunner(service.app(), shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        service.port = runner.addresses[0][1]
        return service, runner

    service, runner = background.run(start())
    yield service
    background.run(runner.cleanup())


@pytest.fixture
def service(served: Service, background: Background) -> Iterator[Service]:
    served.seen.clear()
    yield served

    async def release() -> None:
        served.released.set()
        await asyncio.sleep(0)
        served.released.clear()

    background.run(release())


@pytest.fixture(scope="session")
def secure(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, Path]]:
    """A server with HTTP/2: its port with TLS, its port without, and its certificate."""
    pem, private = certificate(tmp_path_factory.mktemp("tls"))
    port, clear = free_port(), free_port()
    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.insecure_bind = [f"127.0.0.1:{clear}"]
    config.certfile, config.keyfile = str(pem), str(private)
    config.alpn_protocols = ["h2", "http/1.1"]
    config.graceful_timeout = 0.2

    async def start() -> tuple[asyncio.Task[None], asyncio.Event]:
        stop = asyncio.Event()
        task = asyncio.create_task(hypercorn.asyncio.serve(secure_app, config, shutdown_trigger=stop.wait))
        for _ in range(200):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl._create_unverified_context())
                writer.close()
                return task, stop
            await asyncio.sleep(0.02)
        raise RuntimeError("the TLS server does not answer")

    task, stop = background.run(start())
    yield port, clear, pem

    async def end() -> None:
        stop.set()
        await asyncio.wait([task], timeout=5)

    background.run(end())


@pytest.fixture(scope="session")
def echo(background: Background) -> Iterator[int]:
    """Opaque TCP: bytes come back in capitals."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(handle, "127.0.0.1", 0)

    server = background.run(start())
    yield server.sockets[0].getsockname()[1]

    async def stop() -> None:
        server.close()

    background.run(stop())


class Told:
    """What the plugin of one process tells; written from the protocol's text."""

    def __init__(self, control: str, *, worker: str | None = None, pid: int | None = None, **fields: Any) -> None:
        ip, port, token = control.split(":", 2)
        self.socket = socket.create_connection((ip, int(port)), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")
        self.number = 0
        self.welcome = self.ask(
            "hello", token=token, pid=pid or os.getpid(), worker=worker, rootdir="/suite",
            role="main" if worker is None else "worker", arguments=["tests"], python="3", pytest="8", optimised=False,
            python_files=["test_*.py"], python_classes=["Test"], python_functions=["test"], **fields,
        )  # fmt: skip

    @property
    def api(self) -> str:
        return str(self.welcome["addresses"]["API"])

    def tell(self, m: str, **fields: Any) -> None:
        self.socket.sendall(json.dumps({"m": m, **fields}).encode() + b"\n")

    def ask(self, m: str, **fields: Any) -> dict[str, Any]:
        self.number += 1
        self.tell(m, n=self.number, **fields)
        reply = json.loads(self.lines.readline())
        assert reply["n"] == self.number
        return dict(reply)

    def setup(self, case: str) -> dict[str, Any]:
        return self.ask("setup", case=case, ns=time.monotonic_ns())

    def call(self, case: str, **fields: Any) -> dict[str, Any]:
        return self.ask("call", case=case, ns=time.monotonic_ns(), **{"fixtures": [], "spans": [], **fields})

    def teardown(self, case: str, **fields: Any) -> dict[str, Any]:
        return self.ask("teardown", case=case, ns=time.monotonic_ns(), **{"spans": [], "checks": 1, **fields})

    def end(self, case: str, outcome: str = "passed", **fields: Any) -> None:
        self.tell("end", case=case, ns=time.monotonic_ns(), executed=outcome, **{"failure": None, **fields})

    def report(self, case: str, when: str, outcome: str = "passed", wasxfail: bool = False) -> None:
        self.tell("reported", case=case, reports=[(when, outcome, wasxfail)])

    @contextlib.contextmanager
    def case(self, case: str, outcome: str = "passed") -> Iterator[None]:
        self.setup(case)
        self.report(case, "setup")
        self.call(case)
        yield
        self.teardown(case)
        self.report(case, "call", outcome)
        self.end(case, outcome)
        self.report(case, "teardown")

    def bye(self, status: int = 0) -> None:
        self.ask("bye", exit_status=status)
        self.hang_up()

    def hang_up(self) -> None:
        self.lines.close()
        self.socket.close()


class Run:
    """One run of a suite before the session's witness."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.finished: list[CaseRecord] = []
        self.told: list[Told] = []
        self.observation: RunObservation | None = None

    def begin(
        self, fault: FaultPlan | None = None, select: list[str] | None = None, watch: Watch | None = None
    ) -> "Run":
        self.witness.begin(fault, select, self.finished.append, watch)
        return self

    def hello(self, worker: str | None = None, **fields: Any) -> Told:
        self.told.append(Told(self.witness.control, worker=worker, **fields))
        return self.told[-1]

    def finish(self) -> RunObservation:
        for told in self.told:
            told.hang_up()
        self.observation = self.witness.finish(exit_code=0, timed_out=False, duration_s=1.0)
        assert self.observation.hook_errors == ()
        assert not self.observation.relay_lost
        return self.observation

    def exchanges(self) -> tuple[Exchange, ...]:
        return (self.observation or self.finish()).exchanges


@pytest.fixture(scope="session")
def relays(
    served: Service, secure: tuple[int, int, Path], echo: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[bool], Witness]]:
    """The witness with and without the lean relay, each started when it is first asked for."""
    port, clear, ca = secure
    targets = [
        RelayTarget("api", f"http://127.0.0.1:{served.port}/", {"API": "{address}", "API_HOST": "{hostport}"}),
        RelayTarget("secure", f"https://127.0.0.1:{port}", {"SECURE": "{address}/v1"}, ca=ca),
        RelayTarget("loose", f"https://127.0.0.1:{port}", {"LOOSE": "{address}"}, insecure=True),
        RelayTarget("strict", f"https://127.0.0.1:{port}", {"STRICT": "{address}"}),
        RelayTarget("clear", f"http://127.0.0.1:{clear}", {"CLEAR": "{address}/v1", "CLEAR_HOST": "{hostport}"}),
        RelayTarget("raw", f"http://127.0.0.1:{echo}", {"RAW": "{hostport}"}),
    ]
    started: dict[bool, Witness] = {}

    def relay(lean: bool) -> Witness:
        if lean not in started:
            state = tmp_path_factory.mktemp("witness")
            operators = "greenproof.analysis.sensitivity.registry"
            started[lean] = Witness.start(targets, state=state, lean=lean, operators=operators)
        return started[lean]

    yield relay
    for held in started.values():
        held.close()


@pytest.fixture
def witness(relays: Callable[[bool], Witness]) -> Witness:
    return relays(True)


@pytest.fixture
def run(witness: Witness, service: Service) -> Iterator[Run]:
    held = Run(witness)
    yield held
    if held.observation is None:
        held.finish()


@pytest.fixture
def faulty(run: Run) -> Callable[..., Told]:
    """Begin a fault run for the case `t::a` and introduce the one process; the case is not started."""

    def begin(kind: str, *routes: str, refused: tuple[str, ...] = (), fixtures: tuple[str, ...] = ()) -> Told:
        plan = FaultPlan(
            FaultKind(kind),
            {"t::a": CaseFaults(tuple(map(Route.parse, routes)), tuple(map(Route.parse, refused)))},
            (Route("*", "/health"),),
            tuple(map(Route.parse, fixtures)),
        )
        return run.begin(plan).hello()

    return begin
