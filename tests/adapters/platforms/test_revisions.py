"""What a revision contains and what names it."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from greenproof.adapters.platforms.local.launches import order_of_start
from greenproof.adapters.platforms.local.redaction import Redactor
from greenproof.adapters.platforms.local.revisions import describe_revision, glob_pattern
from greenproof.model.errors import PlatformError
from greenproof.model.plan import Service


@pytest.fixture
def shop(ground, request):
    return ground("auth", folder=f"snapshots {request.node.name}")


def test_the_same_content_gives_the_same_revision(shop):
    assert shop.platform().snapshot() == shop.platform().snapshot()


def test_source_configuration_and_secrets_each_make_a_new_revision(shop):
    names = [shop.platform().snapshot()[0].name]
    shop.edit("auth", "2")
    names.append(shop.platform().snapshot()[0].name)
    shop.configure("auth", env=MappingProxyType({"LIMIT": "8"}))
    names.append(shop.platform().snapshot()[0].name)
    shop.configure("auth", env=MappingProxyType({"LIMIT": "8", "KEY": "{secret.key}"}))
    names.append(shop.platform().snapshot()[0].name)
    text = shop.layout.credentials.read_text()
    shop.layout.credentials.write_text(text.replace('"secret:key": "', '"secret:key": "0'))
    names.append(shop.platform().snapshot()[0].name)
    assert len(set(names)) == 5
    shop.configure("auth", start_timeout=99.0)
    assert shop.platform().snapshot()[0].name == names[-1]


def test_the_manifest_has_what_a_difference_needs_and_no_secret(shop):
    shop.configure("auth", env=MappingProxyType({"KEY": "{secret.key}"}))
    revision = shop.platform().snapshot()[0]
    manifest = describe_revision(shop.layout, revision.name)
    assert set(manifest["files"]) == {"app.py", "version.txt"}
    assert manifest["configuration"]["env"] == {"KEY": "{secret.key}"}
    value = shop.platform()._credentials.secret("key")
    assert value not in (shop.layout.revisions / f"{revision.name}.json").read_text()


def test_a_file_that_a_service_wrote_over_is_restored(shop):
    revision = shop.platform().snapshot()[0]
    path = shop.layout.revisions / revision.name / "version.txt"
    path.write_text("tampered")
    assert shop.platform().snapshot()[0] == revision
    assert path.read_text() == "1"


def test_what_never_belongs_is_left_out(shop):
    for name in ("__pycache__/a.pyc", ".git/config", "env/pyvenv.cfg", "env/big", "b.pyc"):
        path = shop.root / "auth" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    manifest = describe_revision(shop.layout, shop.platform().snapshot()[0].name)
    assert set(manifest["files"]) == {"app.py", "version.txt"}


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("**", "a/b.py", True),
        ("*.py", "a/b.py", False),
        ("**/*.py", "b.py", True),
        ("a/**", "a/b/c", True),
        ("a", "a/b/c", True),
        ("a/*.py", "a/bxpy", False),
        ("a?.txt", "ab.txt", True),
    ],
)
def test_globs(glob, path, expected):
    assert bool(glob_pattern(glob).match(path)) is expected


def test_services_start_after_what_they_need(tmp_path):
    def make(name, *needs):
        return Service(name, tmp_path, ("x",), needs=needs)

    services = (make("web", "api"), make("api", "postgres", "auth"), make("auth"), make("docs"))
    assert order_of_start(services, {"postgres"}) == [["auth", "docs"], ["api"], ["web"]]
    with pytest.raises(PlatformError):
        order_of_start((replace(services[0], needs=("web",)),), set())


def test_redaction_takes_the_longest_secret_and_spares_short_words():
    redact = Redactor(["abc", "secret", "secretsauce"])
    assert redact("abc secretsauce secret") == "abc (redacted) (redacted)"
    assert redact("redis://:pw@h postgres://u:p@h?x") == "redis://:(redacted)@h postgres://u:(redacted)@h?x"
    assert redact('{"password": "hunter2", "a": 1}') == '{"password": "(redacted)", "a": 1}'
