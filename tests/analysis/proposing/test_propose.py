"""From findings to a proposal, whatever was found."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.proposing import GUESS, name_of, propose
from greenproof.config import load
from greenproof.model.repository import Container, Found, Repository
from greenproof.reporting.proposal import proposal_document, proposal_lines, proposal_toml

TEXT = st.text(max_size=30)
FOUND = st.builds(Found, TEXT, TEXT, st.none() | TEXT)
CONTAINER = st.builds(
    Container, TEXT, TEXT, st.lists(st.integers(1, 65535), max_size=2).map(tuple), st.none() | TEXT,
    st.lists(TEXT, max_size=2).map(tuple), st.none() | TEXT,
)  # fmt: skip
MANY = st.lists(FOUND, max_size=4).map(tuple)
REPOSITORY = st.builds(
    Repository, TEXT, MANY, MANY, st.booleans(), MANY, MANY, st.lists(CONTAINER, max_size=3).map(tuple),
    st.lists(st.builds(Found, st.sampled_from(["GET /healthz", "GET /version"]), TEXT), max_size=2).map(tuple), MANY,
)  # fmt: skip


def test_a_variable_with_its_address() -> None:
    found = Repository(
        "My Shop!", variables=(Found("SHOP_API_URL", "tests/conftest.py:3", "http://localhost:9000/v1/"),)
    )
    (target,) = propose(found).targets
    assert (target.name, target.url, target.sure) == ("shop_api", "http://localhost:9000/v1", True)
    assert propose(found).project == "my-shop"


def test_a_variable_whose_address_a_compose_file_knows() -> None:
    boxes = (Container("postgres", "compose.yaml", (5432,)), Container("api", "compose.yaml", (8080,)))
    (target,) = propose(Repository("x", variables=(Found("API_URL", "a.py:1"),), containers=boxes)).targets
    assert (target.url, target.sure) == ("http://localhost:8080", True)


def test_nothing_found_is_a_guess_and_said_to_be_one() -> None:
    proposal = propose(Repository("x"))
    assert [(t.url, t.sure) for t in proposal.targets] == [(GUESS, False)]
    assert len(proposal.missing) == 3
    assert "a guess" in proposal_toml(proposal)


def test_an_address_with_a_password_is_written_without_it() -> None:
    found = Repository("x", variables=(Found("API_URL", ".env:1", "https://me:secret@api.test:8443/x?token=1"),))
    assert "secret" not in proposal_toml(propose(found))
    assert propose(found).targets[0].url == "https://api.test:8443/x"


@given(REPOSITORY)
def test_whatever_stands_there_the_file_is_toml_and_hides_nothing_in_comments(repository: Repository) -> None:
    proposal = propose(repository)
    document = tomllib.loads(proposal_toml(proposal))
    assert document["schema"] == 1
    assert set(document) <= {"schema", "project", "environments", "targets", "suites", "routes"}
    assert list(proposal_lines(proposal))
    assert proposal_document(proposal)["file"] == proposal_toml(proposal)


@given(st.text(max_size=60))
def test_a_name_is_one_that_the_configuration_takes(text: str) -> None:
    name = name_of(text, "app")
    assert name
    assert len(name) <= 41
    assert all(c.isascii() and (c.islower() or c.isdigit() or c in "-_") for c in name)
    assert name[0] not in "-_"


def test_the_same_findings_give_the_same(tmp_path) -> None:
    found = Repository("x", variables=(Found("API_URL", "a.py:1", "http://localhost:1"),))
    path = tmp_path / "greenproof.toml"
    path.write_text(proposal_toml(propose(found)))
    assert [target.name for target in load(path).targets] == ["api"]
    assert proposal_toml(propose(found)) == proposal_toml(propose(found))
