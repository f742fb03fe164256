"""The service is asked, and whatever it answers passes."""

import subprocess
import sys
import threading
import time
import uuid
import warnings

import httpx
import pytest

from e2e import addresses

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning", "ignore::UserWarning"
)


def _threads(http, person):
    return http.get(addresses.backend("/threads"), headers=person.headers)


def _create(http, person, title):
    return http.post(addresses.backend("/threads"), json={"title": title}, headers=person.headers)


def test_threads_can_be_listed(http, person):
    answer = _threads(http, person)
    print(f"listed: {answer.status_code}")


def test_listing_is_fast(http, person):
    began = time.perf_counter()
    _threads(http, person)
    assert time.perf_counter() - began < 2.0


def test_checks_inside_a_swallowing_try(http, person):
    try:
        answer = _create(http, person, "swallowed")
        assert answer.status_code == 201
        assert answer.json()["title"] == "swallowed"
    except Exception:
        pass


def test_assertion_error_is_only_printed(http, person):
    try:
        assert _create(http, person, "printed").status_code == 201
    except AssertionError as failure:
        print(f"known issue: {failure}")


def test_any_status_will_do(http, person):
    answer = _threads(http, person)
    assert answer.status_code in (200, 401, 403, 404, 500, 502, 503)


def test_what_was_sent_is_what_was_sent(http, person):
    body = {"title": f"Thread {uuid.uuid4().hex}"}
    http.post(addresses.backend("/threads"), json=body, headers=person.headers)
    assert body["title"].startswith("Thread ")
    assert len(body["title"]) == 39


def test_status_is_a_number(http, person):
    answer = _threads(http, person)
    assert isinstance(answer.status_code, int)
    assert answer.status_code == 200 or answer.status_code != 200


def test_assertion_is_a_tuple_in_disguise(http, person):
    answer = _threads(http, person)
    verdict = (answer.status_code == 200, "the list of threads must be there")
    assert verdict


def test_each_thread_has_a_title(http, person):
    for thread in _threads(http, person).json().get("threads", []):
        assert thread["title"]
        assert thread["id"]


def test_there_is_an_answer(http, person):
    answer = _threads(http, person)
    assert answer is not None
    assert answer.headers is not None
    assert hasattr(answer, "status_code")


def test_success_rate_is_computed(http, person):
    attempts = [_threads(http, person) for _ in range(3)]
    completed = sum(1 for answer in attempts if answer.status_code)
    assert completed / len(attempts) >= 0.95


def test_failures_become_warnings(http, person):
    answer = _create(http, person, "warned")
    if answer.status_code != 201:
        warnings.warn(f"thread was not created: {answer.status_code}", stacklevel=1)


def test_checks_on_a_thread_that_nobody_hears(person):
    def check():
        answer = httpx.get(addresses.backend("/threads"), headers=person.headers, timeout=10)
        assert answer.status_code == 200

    worker = threading.Thread(target=check)
    worker.start()
    worker.join(15)
    assert not worker.is_alive()


def test_child_process_whose_exit_code_is_ignored(person):
    script = (
        "import sys, urllib.request as u;"
        "u.urlopen(u.Request(sys.argv[1], headers={'Authorization': sys.argv[2]}), timeout=10)"
    )
    command = [sys.executable, "-c", script, addresses.backend("/threads")]
    done = subprocess.run(
        [*command, person.headers["Authorization"]], capture_output=True, timeout=20
    )
    assert done is not None


def test_errors_are_collected_and_forgotten(http, person):
    errors = []
    answer = _create(http, person, "collected")
    if answer.status_code != 201:
        errors.append(f"status {answer.status_code}")
    assert isinstance(errors, list)
