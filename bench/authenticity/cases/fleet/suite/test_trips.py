"""Trips, positions, geofences, invoices over several client stacks."""

import asyncio
import http.client
import http.server
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
from tenacity import retry, retry_if_exception_type, stop_after_attempt


def curl(*args):
    return subprocess.run(["curl", "-s", *args], capture_output=True, text=True, check=False)


def test_trip_starts(api, trip):
    answer = api.post(f"/trips/{trip['id']}/start")
    assert answer.status_code == 200
    assert answer.json()["state"] == "running"


def test_trip_cannot_finish_before_start(api, trip):
    answer = api.post(f"/trips/{trip['id']}/finish")
    assert (answer.status_code, answer.json()["error"]) == (409, "bad-transition")


def test_trip_finish_before_start_has_no_effect(api, trip):
    answer = api.post(f"/trips/{trip['id']}/finish")
    if not answer.ok:
        return
    assert answer.json()["state"] == "planned"


def test_trip_cancel(api, trip):
    assert trip["state"] == "planned"
    api.post(f"/trips/{trip['id']}/cancel")


def test_trip_pause_resume(base, auth, trip):
    with httpx.Client(base_url=base, headers=auth) as client:
        states = [client.post(f"/trips/{trip['id']}/{m}").json()["state"] for m in ("start", "pause", "resume")]
    assert states == ["running", "paused", "running"]


def test_trip_resume_settles(base, auth, trip):
    httpx.post(f"{base}/trips/{trip['id']}/resume", headers=auth)
    time.sleep(0.1)


def test_trip_pause_in_background(base, auth, trip):
    def work():
        answer = httpx.post(f"{base}/trips/{trip['id']}/pause", headers=auth)
        assert answer.json()["state"] == "paused"

    with threading.Lock():
        hook, threading.excepthook = threading.excepthook, lambda _: None
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        threading.excepthook = hook


async def test_events_stream(base, auth, api, trip):
    api.post(f"/trips/{trip['id']}/start")
    async with aiohttp.ClientSession(headers=auth) as s, s.get(f"{base}/trips/{trip['id']}/events") as answer:
        lines = (await answer.text()).splitlines()
    states = [json.loads(x[6:])["state"] for x in lines if x.startswith("data: ")]
    assert states == ["planned", "running"]


async def test_events_are_well_formed(base, auth, trip):
    async with aiohttp.ClientSession(headers=auth) as s, s.get(f"{base}/trips/{trip['id']}/events") as answer:
        async for raw in answer.content:
            if raw.startswith(b"message:"):
                assert json.loads(raw[8:])["state"]


async def test_events_gathered(base, auth, trip):
    async def check(n):
        async with aiohttp.ClientSession(headers=auth) as s, s.get(f"{base}/trips/{trip['id']}/events") as answer:
            assert (await answer.text()).count("data:") == n

    await asyncio.gather(check(7), check(8), return_exceptions=True)


async def test_trip_read_async(base, auth, trip):
    async with aiohttp.ClientSession(headers=auth) as s, s.get(f"{base}/trips/{trip['id']}") as answer:
        assert answer.status == 200
        assert (await answer.json())["vehicle"] == trip["vehicle"]


async def test_trip_read_with_timeout(base, auth, trip):
    try:
        async with aiohttp.ClientSession(headers=auth) as s, s.get(f"{base}/trip/{trip['id']}") as answer:
            state = (await answer.json())["state"]
    except (aiohttp.ClientError, KeyError):
        state = "planned"
    assert state == "planned"


def test_positions_round_trip(base, auth, vehicle):
    url = f"{base}/vehicles/{vehicle['id']}/positions"
    points = [{"lat": 1.5, "lon": 2.5}, {"lat": 3.5, "lon": 4.5}]
    body = "\n".join(map(json.dumps, points)).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, auth), timeout=10) as answer:
        assert json.load(answer) == {"accepted": 2}
    with urllib.request.urlopen(urllib.request.Request(url, headers=auth), timeout=10) as answer:
        assert [json.loads(x) for x in answer] == points


def test_positions_order(base, auth, vehicle):
    request = urllib.request.Request(f"{base}/vehicles/{vehicle['id']}/positions", headers=auth)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert all(json.loads(x)["lat"] < 90 for x in answer)
    except urllib.error.HTTPError:
        pass


def test_positions_of_unknown_vehicle(base, auth):
    with pytest.raises(urllib.error.HTTPError) as err:
        urllib.request.urlopen(urllib.request.Request(f"{base}/vehicles/none/positions", b"{}", auth), timeout=10)
    assert err.value.code == 404
    assert json.load(err.value)["error"] == "not-found"


@pytest.mark.parametrize(("lat", "inside"), [(5, True), (50, False)])
def test_geofence_contains(api, lat, inside):
    fence = api.post("/geofences", json={"south": 0, "north": 10, "west": 0, "east": 10}).json()
    assert api.post(f"/geofences/{fence['id']}/contains", json={"lat": lat, "lon": 5}).json() == {"inside": inside}


def test_geofence_box_math():
    box = {"south": 0, "north": 10}
    assert box["south"] <= 5 <= box["north"]


def test_geofence_contains_or(api):
    answer = api.post("/geofences/none/contains", json={"lat": 1, "lon": 1})
    assert answer.status_code == 200 or "inside"


def test_geofence_tuple(api):
    answer = api.post("/geofences/none/contains", json={"lat": 1, "lon": 1})
    checks = [(answer.status_code == 200, "inside"), (answer.ok, "ok")]
    assert all(checks)


def test_driver_over_raw_connection(base, auth):
    conn = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)
    conn.request("POST", "/drivers", json.dumps({"name": "Ada", "licence": "C"}), auth)
    answer = conn.getresponse()
    assert answer.status == 201
    assert json.load(answer)["name"] == "Ada"
    conn.close()


def test_driver_request_is_sent(base, auth):
    conn = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)
    conn.request("POST", "/drivers", json.dumps({"name": "Ada", "licence": "C"}), auth)
    assert conn.sock is not None
    conn.close()


def test_driver_service_available(base):
    conn = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)
    conn.request("GET", "/health")
    assert json.load(conn.getresponse())["status"] == "ok"


def test_search_with_curl(base, token, vehicle):
    done = curl("-H", f"Authorization: Bearer {token}", f"{base}/search?q={vehicle['plate'].lower()}")
    assert [v["id"] for v in json.loads(done.stdout)["items"]] == [vehicle["id"]]


def test_search_command_succeeds(base, token):
    assert curl("-H", f"Authorization: Bearer {token}", f"{base}/search?q=").returncode == 0


def test_search_has_output(base):
    assert curl(f"{base}/search?q=x").stdout != ""


def test_maintenance_on_depot_server():
    class Stub(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"due_km": 900}')

        def log_message(self, *args):
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Stub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert httpx.get(f"http://127.0.0.1:{server.server_port}/maintenance/1").json()["due_km"] == 900
        server.shutdown()


def test_maintenance_plan(base, auth, vehicle):
    made = httpx.post(f"{base}/maintenance", json={"vehicle": vehicle["id"], "due_km": 900}, headers=auth).json()
    read = httpx.get(f"{base}/maintenance/{made['id']}", headers=auth)
    assert read.status_code == 200
    assert read.json()["due_km"] == 900


def test_maintenance_due_eventually(base, auth):
    @retry(stop=stop_after_attempt(2), retry=retry_if_exception_type(AssertionError), retry_error_callback=lambda _: 1)
    def poll():
        assert httpx.get(f"{base}/maintenance/soon", headers=auth).status_code == 200

    assert poll() == 1


def test_invoice_total(api, trip):
    for move in ("start", "finish"):
        api.post(f"/trips/{trip['id']}/{move}")
    invoice = api.post("/invoices", json={"trip": trip["id"], "rate": 2})
    assert invoice.status_code == 201
    assert (invoice.json()["net"], invoice.json()["total"]) == (100, 120)


def test_invoice_total_formula(api, trip):
    invoice = api.post("/invoices", json={"trip": trip["id"], "rate": 2}).json()
    assert invoice.get("total", 120) == 120


def test_invoice_hook_called(base, auth, trip):
    hooks = {"respone": [lambda r: pytest.fail(r.text) if r.is_error else None]}
    client = httpx.Client(headers=auth, event_hooks={"response": hooks.get("response", [])})
    client.post(f"{base}/invoices", json={"trip": trip["id"]})
    client.close()


def test_invoice_generator(api):
    (pytest.fail(n) for n in [api.get("/invoices/none").status_code] if n != 200)
