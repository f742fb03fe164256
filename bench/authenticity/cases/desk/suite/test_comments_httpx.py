"""Comments: httpx, sync and async."""

import httpx
import pytest
import respx
from deskkit.address import BASE, unique
from deskkit.soft import Soft, quietly


@pytest.fixture
def http():
    with httpx.Client(base_url=BASE, timeout=5) as client:
        yield client


@pytest.fixture
def number(http):
    return http.post("/tickets", json={"subject": unique("comments")}).raise_for_status().json()["id"]


def comment(http, number, text, author="ana"):
    return http.post(f"/tickets/{number}/comments", json={"text": text, "author": author})


class TestAdding:
    def test_positions_count_up(self, http, number):
        positions = [comment(http, number, text).json()["position"] for text in ("a", "b", "c")]
        assert positions == [1, 2, 3]

    def test_mentions_are_found(self, http, number):
        made = comment(http, number, "ask @ben or @cho, please").json()
        assert made["mentions"] == ["ben", "cho"]

    @pytest.mark.parametrize(
        ("text", "shown"),
        [("*now*", "<b>now</b>"), ("<script>", "&lt;script&gt;"), ("a & *b*", "a &amp; <b>b</b>")],
        ids=["bold", "escaped", "both"],
    )
    def test_text_is_rendered(self, http, number, text, shown):
        assert comment(http, number, text).json()["html"] == shown

    @pytest.mark.parametrize("text", ["plain", "two words", "äöü"], ids=["one", "two", "umlaut"])
    def test_text_is_kept(self, http, number, text):
        payload = {"text": text, "author": "ana"}
        http.post(f"/tickets/{number}/comments", json=payload)
        assert payload["text"] == text

    def test_empty_text_is_refused(self, http, number):
        answer = comment(http, number, "   ")
        assert (answer.status_code, answer.json()["error"]) == (422, "text_required")

    def test_blank_text_is_refused(self, http, number):
        with pytest.raises(Exception):
            comment(http, number)

    def test_comment_on_unknown_ticket(self, http):
        answer = comment(http, 99999999, "anyone?")
        assert answer.status_code == 404 or answer.status_code != 404

    def test_author_is_kept(self, http, number):
        soft = Soft()
        made = comment(http, number, "x", author="cho").json()
        soft.equal(made.get("author"), "CHO", "author")
        soft.equal(made.get("position"), 7, "position")

    def test_comment_has_all_fields(self, http, number):
        with Soft() as soft:
            made = comment(http, number, "hi @ana", author="ben").json()
            soft.equal(made.get("author"), "ben", "author")
            soft.equal(made.get("position"), 1, "position")
            soft.equal(made.get("mentions"), ["ana"], "mentions")

    @quietly
    def test_long_comment_is_cut(self, http, number):
        made = comment(http, number, "x" * 5000).json()
        assert len(made["text"]) == 4000

    @respx.mock
    def test_comment_by_mail(self, http):
        route = respx.post(f"{BASE}/tickets/7/comments").respond(201, json={"position": 1, "author": "mail"})
        made = comment(http, 7, "by mail", "mail").json()
        assert route.called
        assert made["author"] == "mail"


class TestReading:
    def test_thread_is_complete(self, http, number):
        for text in ("first", "second"):
            comment(http, number, text, author="ben")
        thread = http.get(f"/tickets/{number}/comments").json()
        assert thread["ticket"].startswith("DSK-")
        assert [c["text"] for c in thread["comments"]] == ["first", "second"]
        assert {c["author"] for c in thread["comments"]} == {"ben"}

    def test_thread_is_sorted(self, http, number):
        thread = http.get(f"/tickets/{number}/comments").json()["comments"]
        for earlier, later in zip(thread, thread[1:], strict=False):
            assert earlier["position"] < later["position"]

    def test_thread_has_authors(self, http, number):
        comment(http, number, "x")
        thread = http.get(f"/tickets/{number}/comments").json()["comments"]

        def every_author():
            for one in thread:
                assert one["author"] == "somebody"
                yield one["author"]

        assert every_author()

    def test_thread_is_stable(self, http, number):
        comment(http, number, "x")
        thread = http.get(f"/tickets/{number}/comments").json()
        again = thread
        assert thread == again

    def test_thread_is_visible_to_customer(self):
        def handler(request):
            return httpx.Response(200, json={"ticket": "DSK-00001", "comments": [{"text": "hello"}]})

        with httpx.Client(base_url=BASE, transport=httpx.MockTransport(handler)) as http:
            thread = http.get("/tickets/1/comments").json()
        assert thread["comments"][0]["text"] == "hello"


@pytest.mark.asyncio
async def test_comment_from_async_client():
    async with httpx.AsyncClient(base_url=BASE, timeout=5) as http:
        number = (await http.post("/tickets", json={"subject": unique("async")})).json()["id"]
        made = (await http.post(f"/tickets/{number}/comments", json={"text": "*hey* @cho"})).json()
        thread = (await http.get(f"/tickets/{number}/comments")).json()
    assert made["html"] == "<b>hey</b> @cho"
    assert thread["comments"] == [made]


@pytest.mark.asyncio
async def test_comment_thread_from_async_client():
    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"ticket": "DSK-00003", "comments": []}'})

    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(base_url=BASE, transport=transport) as http:
        thread = (await http.get("/tickets/3/comments")).json()
    assert thread == {"ticket": "DSK-00003", "comments": []}


@pytest.mark.asyncio
async def test_parallel_comments():
    async with httpx.AsyncClient(base_url=BASE, timeout=5) as http:
        answer = await http.get("/version")
    assert answer.status_code == 200
    assert answer.json()["name"] == "desk"
