"""Assignment of tickets, in the style of our old unittest suite."""

import contextlib
import os
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from unittest import mock

import aiohttp
import requests
from deskkit.address import BASE, unique
from deskkit.client import DeskClient, DeskError, ResilientClient


class AssignmentTest(unittest.TestCase):
    """What the shift leader does."""

    @classmethod
    def setUpClass(cls):
        cls.desk = DeskClient()

    def setUp(self):
        self.ticket = self.desk.create(unique("assign"))

    def test_assign_to_agent(self):
        made = self.desk.assign(self.ticket["id"], "ben")
        self.assertEqual(made["name"], "Ben Okafor")
        self.assertEqual(made["status"], "assigned")
        self.assertEqual(self.desk.ticket(self.ticket["id"])["assignee"], "ben")

    def test_assign_without_agent_takes_one(self):
        made = self.desk.assign(self.ticket["id"])
        self.assertIn(made["agent"], {"ana", "ben", "cho"})
        self.assertEqual(self.desk.ticket(self.ticket["id"])["assignee"], made["agent"])

    def test_assign_is_in_history(self):
        self.desk.assign(self.ticket["id"], "cho")
        self.desk.assign(self.ticket["id"], "ana")
        history = self.desk.ticket(self.ticket["id"])["history"]
        self.assertEqual(history, ["created", "assigned:cho", "assigned:ana"])

    def test_assign_closed_ticket(self):
        self.desk.change(self.ticket["id"], status="closed")
        with self.assertRaisesRegex(DeskError, "409.*ticket_closed"):
            self.desk.assign(self.ticket["id"], "ana")

    def test_assign_to_unknown_agent(self):
        with self.assertRaisesRegex(DeskError, "404.*no_such_agent"):
            self.desk.assign(self.ticket["id"], "zoe")

    def test_assign_to_former_agent(self):
        with self.assertRaises((DeskError, requests.RequestException, TypeError)):
            self.desk.assign(self.ticket["id"], agent="zoe", force=True)

    def test_assign_many(self):
        for agent in ("ana", "ben", "cho"):
            with self.subTest(agent=agent):
                answer = self.desk.call("POST", f"/tickets/{self.ticket['id']}/assign?dry_run=1", json={"agent": agent})
                self.assertEqual(answer["status"], "assigned")
                self.assertEqual(answer["agent"], agent)

    def test_assign_changes_status(self):
        with mock.patch.object(self.desk, "http") as transport:
            transport.request.return_value.status_code = 200
            transport.request.return_value.json.return_value = {"status": "assigned"}
            made = self.desk.assign(self.ticket["id"], "ana")
        self.assertEqual(made["status"], "assigned")

    def test_assign_keeps_priority(self):
        self.desk.assign(self.ticket["id"], "ana")
        self.assertEqual(self.ticket["priority"], "normal")
        self.assertEqual(self.ticket["sla_minutes"], 480)

    def test_assign_is_idempotent(self):
        with contextlib.ExitStack() as stack:
            stack.push(lambda *problem: True)
            first = self.desk.assign(self.ticket["id"], "ana")
            second = self.desk.assign(self.ticket["id"], "ana")
            self.assertEqual(first["version"], second["version"])

    def test_assign_balances_load(self):
        before = ResilientClient().call("GET", "/agents/ana/load")["load"]
        self.desk.assign(self.ticket["id"], "ana")
        after = ResilientClient().call("GET", "/agents/ana/load")["load"]
        self.assertGreaterEqual(after, before)

    def test_assign_then_wait(self):
        self.desk.assign(self.ticket["id"], "ana")
        time.sleep(0.05)
        self.assertTrue(True)

    def test_assign_hands_ticket_over(self):
        with mock.patch.object(self.desk, "call", wraps=self.desk.call) as call:
            self.desk.assign(self.ticket["id"], "ben")
        call.assert_called_once_with("POST", f"/tickets/{self.ticket['id']}/assign", json={"agent": "ben"})

    def test_assign_message(self):
        made = self.desk.assign(self.ticket["id"], "ben")
        self.assertTrue(made["status"], "assigned to nobody")

    def test_assign_urgent_first(self):
        tickets = [self.desk.create(unique("queue"), priority=p) for p in ("low", "urgent")]
        tickets.sort(key=lambda t: t["sla_minutes"])
        self.assertLess(tickets[0]["sla_minutes"], tickets[1]["sla_minutes"] + 10**9)

    def test_assign_page_of_agent(self):
        page = self.desk.search(q=unique("mine"))
        mine = [t for t in page["items"] if t["assignee"] == "ana"]
        if mine:
            self.assertEqual(mine[0]["status"], "assigned")


class AssignmentAsyncTest(unittest.IsolatedAsyncioTestCase):
    """The same through the async SDK."""

    async def asyncSetUp(self):
        self.session = await self.enterAsyncContext(aiohttp.ClientSession(BASE))
        async with self.session.post("/tickets", json={"subject": unique("async")}) as answer:
            self.ticket = await answer.json()

    async def assign(self, agent):
        async with self.session.post(f"/tickets/{self.ticket['id']}/assign", json={"agent": agent}) as answer:
            body = await answer.json()
            self.assertEqual(body["agent"], agent)
            self.assertEqual(answer.status, 200)
            return body

    async def test_assign(self):
        body = await self.assign("cho")
        self.assertEqual(body, {"ticket": self.ticket["id"], "agent": "cho", "name": "Cho Lin", "status": "assigned"})

    async def test_assign_again(self):
        self.assertIsNotNone(self.assign("zoe"))

    async def test_assign_unknown(self):
        try:
            await self.assign("zoe")
            self.fail("must be refused")
        except (AssertionError, KeyError):
            pass


class SecondDeskTest(unittest.TestCase):
    """Runs on a desk of its own, to be independent of other tests."""

    @classmethod
    def setUpClass(cls):
        serve = Path(__file__).parents[1] / "service" / "serve.py"
        offset = 100 + os.getpid() % 400
        cls.base = f"http://127.0.0.1:{19000 + offset}"
        environment = os.environ | {"PORT": str(19000 + offset)}
        cls.process = subprocess.Popen([sys.executable, "-B", str(serve)], env=environment)
        for _ in range(200):
            with contextlib.suppress(urllib.error.URLError):
                urllib.request.urlopen(f"{cls.base}/health", timeout=1).close()
                break
            time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(10)

    def test_load_grows_with_assignment(self):
        desk = DeskClient(self.base)
        before = desk.call("GET", "/agents/ana/load")["load"]
        made = desk.create(unique("own"))
        desk.assign(made["id"], "ana")
        self.assertEqual(desk.call("GET", "/agents/ana/load")["load"], before + 1)

    def test_load_shrinks_after_closing(self):
        desk = DeskClient(self.base)
        made = desk.create(unique("own"))
        desk.assign(made["id"], "cho")
        before = desk.call("GET", "/agents/cho/load")["load"]
        desk.change(made["id"], status="closed")
        self.assertEqual(desk.call("GET", "/agents/cho/load")["load"], before - 1)
