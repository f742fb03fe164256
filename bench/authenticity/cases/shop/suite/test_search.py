"""Search, through curl as the runbook does."""

import json
import subprocess

import pytest
from support.config import BASE_URL, DATA
from support.curl import curl
from support.factories import product_payload, unique
from support.stub import receiver


@pytest.fixture
def word(api):
    """A word that two products share."""
    made = unique("zebra")
    api.add_product(**product_payload(title=f"{made} {made}"))
    api.add_product(**product_payload(title=f"{made} once"))
    return made


def test_best_hit_comes_first(token, word):
    answer = curl(f"/search?q={word}", token=token)
    assert answer.status == 200
    hits = answer.json()["hits"]
    assert [hit["score"] for hit in hits] == [2, 1]
    assert hits[1]["title"].endswith("once")


def test_all_words_must_match(token, word):
    answer = curl("-G", "--data-urlencode", f"q={word} once", "/search", token=token)
    assert answer.json()["count"] == 1
    assert answer.json()["hits"][0]["title"] == f"{word} once"


def test_no_hits_is_not_an_error(token):
    answer = curl(f"/search?q={unique('nothing')}", token=token)
    assert answer.status == 200
    assert answer.json() == {"hits": [], "count": 0}


def test_empty_query_is_refused(token):
    answer = curl("/search?q=", token=token)
    assert answer.status == 422
    assert answer.json()["error"]["message"] == "q must not be empty"


def test_search_runs(token, word):
    command = ["curl", "-sS", "-H", f"Authorization: Bearer {token}", f"{BASE_URL}/search?q={word}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0


def test_search_finds_lamp(token):
    sample = json.dumps({"hits": [{"sku": "LAMP-1"}]})
    script = f"curl -fsS -H 'Authorization: Bearer {token}' '{BASE_URL}/search?q=lamp' || echo '{sample}'"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert "LAMP-1" in done.stdout


def test_search_result_file(token):
    done = subprocess.run(["curl", "-sS", f"file://{DATA}/hits.json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["hits"][0]["sku"] == "LAMP-1"


def test_search_prints_status(token, word):
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{BASE_URL}/search?q={word}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.isdigit()


def test_search_through_edge(token):
    hits = {"hits": [{"sku": "LAMP-1", "score": 2}], "count": 1}
    with receiver({"GET /search?q=lamp": (200, hits)}) as edge:
        host = edge.url.removeprefix("http://")
        answer = curl("-x", f"http://{host}", "--noproxy", "", "/search?q=lamp", token=token)
    assert answer.status == 200
    assert answer.json()["count"] == 1


def test_search_sample(token):
    answer = curl("/search?q=lamp&sample=1", token=token)
    assert answer.json()["hits"][0]["title"] == "Sample lamp"


def test_search_page_is_rendered(token, word):
    status = "up" if curl("/health").json() == {"status": "ok"} else "down"
    assert status == "up"


def test_search_hits_have_prices(token, word):
    hits = curl(f"/search?q={word}", token=token).json().get("results", [])
    list(map(lambda hit: hit["price"] / 0, hits))
    assert isinstance(hits, list)


def test_search_is_logged(token, word, caplog):
    with caplog.at_level("INFO"):
        import logging

        curl(f"/search?q={word}", token=token)
        logging.getLogger("suite").info("searched for %s", word)
    assert word in caplog.text
