"""A configuration becomes a plan, or every mistake in it is reported with its line."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from greenproof.config import find, load
from greenproof.model.error_codes import ERRORS
from greenproof.model.errors import ConfigurationError
from greenproof.model.plan import DEFAULT_PLUMBING, IdentitySource
from greenproof.model.routes import Route

REPOSITORY = Path(__file__).parents[2]
APEX = REPOSITORY / "examples" / "apex" / "greenproof.toml"

GOOD = """schema = 1
[project]
name = "apex"
[environments.local]
kind = "local"
platform = "local"
[environments.staging]
kind = "staging"
[secrets]
jwt = { generate = 32 }
[dependencies.postgres]
kind = "postgres"
database = "apex"
[dependencies.redis]
kind = "redis"
[services.auth]
source = "services"
include = ["apex/auth/**"]
command = ["{python}", "-m", "apex.auth", "--port", "{PORT}"]
migrate = ["{python}", "-m", "apex.migrations"]
migrate_undo = ["{python}", "-m", "apex.migrations", "--back"]
migration = "reversible"
python = ".venv"
port = 8801
needs = ["postgres", "redis"]
start_timeout = 30
env = { DATABASE_URL = "{postgres.url}", JWT_SECRET = "{secret.jwt}" }
[services.auth.identity]
path = "/version"
field = "revision"
[services.auth.log]
file = "auth.log"
depth = { field = "how", core = ["db"], cache = ["cache"], canned = ["edge"] }
[services.web]
source = "services"
command = ["{python}", "web.py"]
needs = ["auth"]
env = { AUTH = "{auth.url}" }
[targets.auth]
service = "auth"
env = ["APEX_AUTH_URL"]
[targets.outside]
url = "https://staging.example.com/api"
[routes]
plumbing = ["GET /health", "auth: POST /login"]
[[claims]]
tests = ["e2e/test_threads.py::*"]
routes = ["auth: POST /threads", "WS /ws"]
[[features]]
name = "golden-path chat"
value = 500000
tier = "enterprise"
tests = ["*chat*"]
[[priorities]]
name = "P1"
tolerated = 0.05
gates = true
tests = ["*"]
[[categories]]
name = "Authentication"
target = 6
tests = ["*auth*"]
[suites.e2e]
kind = "e2e"
command = ["{python}", "-m", "pytest", "e2e", "-q"]
python = ".venv"
directory = "."
env = { A = "1" }
timeout = 900
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "services").mkdir()
    return tmp_path


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "greenproof.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def mistakes(folder: Path, text: str | bytes):
    with pytest.raises(ConfigurationError) as caught:
        load(written(folder, text))
    return caught.value.problems


def test_everything_arrives_in_the_plan(folder):
    plan = load(written(folder, GOOD))
    auth, web = plan.services
    assert plan.root == folder
    assert [(e.name, e.kind) for e in plan.environments] == [("local", "local"), ("staging", "staging")]
    assert plan.secrets[0].generate == 32
    assert plan.dependencies[0].database == "apex"
    assert auth.source == folder / "services"
    assert auth.python == folder / ".venv"
    assert auth.identity == IdentitySource(None, "/version", "revision", None)
    assert (auth.log.file, auth.log.depth.field, auth.log.depth.core) == (folder / "auth.log", "how", ("db",))
    assert auth.env["JWT_SECRET"] == "{secret.jwt}"
    assert (auth.migrate_undo, auth.migration) == (("{python}", "-m", "apex.migrations", "--back"), "reversible")
    assert (web.migrate_undo, web.migration) == (None, None)
    assert web.identity == IdentitySource()
    assert web.include == ("**",)
    assert plan.targets[0].identity == auth.identity
    assert plan.targets[0].log == auth.log
    assert plan.targets[1].url == "https://staging.example.com/api"
    assert plan.plumbing == (Route("GET", "/health"), Route("POST", "/login", "auth"))
    assert plan.claims[0].routes[1] == Route("WS", "/ws")
    assert (plan.features[0].value, plan.features[0].tier) == (500000.0, "enterprise")
    assert (plan.priorities[0].tolerated, plan.categories[0].target) == (0.05, 6)
    assert (plan.suites[0].directory, plan.suites[0].timeout) == (folder, 900.0)


def test_little_is_needed(folder):
    plan = load(written(folder, 'schema = 1\n[project]\nname = "x"\n'))
    assert plan.environments[0].name == "local"
    assert plan.plumbing == DEFAULT_PLUMBING
    assert plan.services == ()


def test_a_byte_order_mark_and_windows_lines_are_fine(folder):
    assert load(written(folder, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())).name == "apex"


@pytest.mark.skipif(not APEX.exists(), reason="the example is not there")
def test_the_example_loads(tmp_path):
    (tmp_path / "services").mkdir()
    shutil.copy(APEX, tmp_path)
    plan = load(tmp_path / "greenproof.toml")
    assert plan.name == "apex"
    assert len(plan.services) == len(plan.targets) == 5
    assert plan.suites


# What is replaced in GOOD, by what, where it is reported, a word of the message, a word of expectation or hint.
WRONG = [
    ("schema = 1", 'schema = "1"', "schema", "a string", "whole number"),
    ("schema = 1", "schema = 0", "schema", "0", "1"),
    ("schema = 1\n", "", "schema", "missing", "Version"),
    ('name = "apex"\n[env', "[env", "project.name", "missing", "Name"),
    ('name = "apex"', 'name = "Apex!"', "project.name", "Apex!", "lower-case"),
    ("[environments.staging]", "[environments.Staging]", "environments.Staging", "Staging", "lower-case"),
    ('kind = "staging"', 'kind = "stagin"', "environments.staging.kind", "stagin", "did you mean 'staging'"),
    ("generate = 32", "generate = 8", "secrets.jwt.generate", "8", "at least 16"),
    ("generate = 32", 'generate = 32, env = "A"', "secrets.jwt", "exclude", "exactly one"),
    ("{ generate = 32 }", "{ }", "secrets.jwt", "none", "exactly one"),
    ("{ generate = 32 }", '{ env = "9A" }', "secrets.jwt.env", "9A", "variable"),
    ('kind = "redis"', 'kind = "mongo"', "dependencies.redis.kind", "mongo", "postgres"),
    ('kind = "redis"', 'kind = "redis"\ndatabase = "x"', "dependencies.redis.database", "no database", "no such key"),
    ('source = "services"\ninc', 'source = "servics"\ninc', "services.auth.source", "no folder", "'services'"),
    ('source = "services"\ninc', 'source = "../"\ninc', "services.auth.source", "leads out", "inside"),
    ('source = "services"\ninc', 'source = "/"\ninc', "services.auth.source", "leads out", "inside"),
    ('source = "services"\ninc', 'source = "a\\u0000b"\ninc', "services.auth.source", "path", "inside"),
    (
        'migrate_undo = ["{python}", "-m", "apex.migrations", "--back"]\n',
        "",
        "services.auth.migration",
        "needs",
        "_undo",
    ),
    (
        '["{python}", "web.py"]',
        '["a"]\nmigration = "compatible"',
        "services.web.migration",
        "there is none",
        "migrate =",
    ),
    (
        '["{python}", "web.py"]',
        '["a"]\nmigrate_undo = ["b"]',
        "services.web.migrate_undo",
        "there is none",
        "migrate =",
    ),
    ('"--back"]', '"{secret.jwt}"]', "services.auth.migrate_undo[3]", "list of processes", "env only"),
    ('"reversible"', '"reversibel"', "services.auth.migration", "reversibel", "did you mean 'reversible'"),
    ("port = 8801", "prot = 8801", "services.auth.prot", "not a key", "did you mean 'port'"),
    ("port = 8801", "port = 70000", "services.auth.port", "70000", "at most 65535"),
    ("port = 8801", "port = -1", "services.auth.port", "-1", "at least 1"),
    ("port = 8801", "port = true", "services.auth.port", "true or false", "whole number"),
    ("port = 8801", "port = 88.5", "services.auth.port", "a number", "whole number"),
    ('command = ["{python}", "web.py"]', 'command = ["web"]\nport = 8801', "services.web.port", "'auth'", "its own"),
    ('command = ["{python}", "web.py"]', "command = []", "services.web.command", "empty", "at least one"),
    ('command = ["{python}", "web.py"]', 'command = ["{pyton}"]', "services.web.command[0]", "nothing", "'python'"),
    (
        'command = ["{python}", "web.py"]',
        'command = ["{secret.jwt}"]',
        "services.web.command[0]",
        "list of proc",
        "env",
    ),
    ('command = ["{python}", "web.py"]', 'command = "web"', "services.web.command", "a string", "a list"),
    ('needs = ["auth"]', 'needs = ["aut"]', "services.web.needs[0]", "'aut'", "did you mean 'auth'"),
    ('needs = ["auth"]', 'needs = ["auth", "auth"]', "services.web.needs[1]", "twice", "once"),
    ('needs = ["auth"]', 'needs = ["web"]', "services.web.needs[0]", "web -> web", "order"),
    ('"redis"]\nstart', '"web"]\nstart', "services.web.needs[0]", "auth -> web -> auth", "order"),
    ("start_timeout = 30", "start_timeout = nan", "services.auth.start_timeout", "nan", "number"),
    ("start_timeout = 30", "start_timeout = inf", "services.auth.start_timeout", "inf", ""),
    ("start_timeout = 30", "start_timeout = -3", "services.auth.start_timeout", "-3", "more than 0"),
    ("{postgres.url}", "{postgre.url}", "services.auth.env.DATABASE_URL", "'postgre'", "'postgres'"),
    ("{postgres.url}", "{postgres.ulr}", "services.auth.env.DATABASE_URL", "nothing", "'url'"),
    ("{secret.jwt}", "{secret.jtw}", "services.auth.env.JWT_SECRET", "no secret", "'jwt'"),
    ("{ DATABASE_URL", "{ DATABASE-URL", "services.auth.env.DATABASE-URL", "DATABASE-URL", "variable"),
    ('AUTH = "{auth.url}"', "AUTH = 3", "services.web.env.AUTH", "whole number", "a string"),
    ('"apex/auth/**"', '"../x"', "services.auth.include[0]", "leads out", "glob"),
    ('"apex/auth/**"', '"a[b"', "services.auth.include[0]", "'['", "[[]"),
    ('"apex/auth/**"', '"/etc/**"', "services.auth.include[0]", "absolute", "glob"),
    ('"apex/auth/**"', '"  "', "services.auth.include[0]", "fit", "not empty"),
    ('field = "revision"\n', "", "services.auth.identity.path", "field", "path and field"),
    ('path = "/version"\n', "", "services.auth.identity.field", "path", "path and field"),
    ('path = "/version"\nfield = "revision"', 'header = "X Y"', "services.auth.identity.header", "X Y", "header"),
    ('path = "/version"', 'header = "X"\npath = "/v"', "services.auth.identity", "exclude", "log_field"),
    ('path = "/version"', 'path = "version"', "services.auth.identity.path", "version", "'/'"),
    ('core = ["db"]', "core = []", "services.auth.log.depth.core", "empty", "at least one"),
    ('service = "auth"', 'service = "auht"', "targets.auth.service", "auht", "did you mean 'auth'"),
    ('service = "auth"', 'service = "auth"\nurl = "http://x"', "targets.auth", "exclude", "exactly one"),
    ("https://staging", "ftp://staging", "targets.outside.url", "ftp", "http"),
    ("https://staging", "https://me:pw@staging", "targets.outside.url", "password", "variable"),
    ('url = "https', 'env = ["APEX_AUTH_URL"]\nurl = "https', "targets.outside.env[0]", "'auth'", "its own"),
    ("[targets.outside]", "[targets.secret]", "targets.secret", "reserved", "another"),
    ('"GET /health"', '"get /health"', "routes.plumbing[0]", "get", "GET"),
    ('"GET /health"', '"/health"', "routes.plumbing[0]", "not a route", "method comes first"),
    ('"auth: POST /threads"', '"auht: POST /threads"', "claims[0].routes[0]", "auht", "did you mean 'auth'"),
    ('"WS /ws"', '"WS /ws?x=1"', "claims[0].routes[1]", "query", "path"),
    ('tests = ["*chat*"]', "tests = []", "features[0].tests", "empty", "at least one"),
    ("value = 500000", "value = -1", "features[0].value", "-1", "at least 0"),
    ("tolerated = 0.05", "tolerated = 1.5", "priorities[0].tolerated", "1.5", "at most 1"),
    ('name = "P1"', 'name = ""', "priorities[0].name", "fit", "not empty"),
    ("[suites.e2e]", '[[priorities]]\nname = "P1"\ntests = ["x"]\n[suites.e2e]', "priorities[1].name", "twice", "once"),
    ("target = 6", "target = 0", "categories[0].target", "0", "at least 1"),
    ('directory = "."', 'directory = "nowhere"', "suites.e2e.directory", "no folder", "inside"),
    ('kind = "e2e"', 'kind = "unit"', "suites.e2e.kind", "unit", "offline"),
    ("[dependencies.redis]", "[dependencies.auth]", "services.auth", "dependency", "its own"),
    ("[suites.e2e]", "[suits.e2e]", "suits", "not a key", "did you mean 'suites'"),
    ("[routes]", "[routs]", "routs", "not a key", "did you mean 'routes'"),
]


@pytest.mark.parametrize(("old", "new", "where", "message", "advice"), WRONG)
def test_a_mistake_is_named_with_its_line(folder, old, new, where, message, advice):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    found = [problem for problem in mistakes(folder, text) if problem.where == where]
    assert found, [str(problem) for problem in mistakes(folder, text)]
    assert message in found[0].message
    assert advice in f"{found[0].expected} {found[0].hint}"
    assert found[0].code in ERRORS
    if message != "missing":
        key = where.rpartition(".")[2].partition("[")[0]
        assert key in text.splitlines()[found[0].line - 1]


def test_all_mistakes_at_once_in_the_order_of_the_file(folder):
    text = GOOD
    wrong = [("port = 8801", "port = 0"), ('["auth"]', '["nobody"]'), ('"WS /ws"', '"WSS /ws"'), ("= 900", "= -900")]
    for old, new in wrong:
        text = text.replace(old, new, 1)
    found = mistakes(folder, text)
    assert [p.where for p in found] == [
        "services.auth.port", "services.web.needs[0]", "claims[0].routes[1]", "suites.e2e.timeout",
    ]  # fmt: skip
    assert [p.line for p in found] == [24, 37, 48, 69]
    shown = load_error(folder, text).lines()
    assert shown[0].startswith("error: ")
    assert any(line.endswith(":24: services.auth.port: 0 is out of range [config-out-of-range]") for line in shown)
    # Each mistake says what was expected and what to do.
    assert sum(line.startswith("  expected: ") for line in shown) == len(wrong)
    assert sum(line.startswith("  hint: ") and line != "  hint: None" for line in shown) == len(wrong)


def load_error(folder: Path, text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(written(folder, text))
    return caught.value


def test_a_service_that_is_wrong_in_itself_is_still_known(folder):
    text = GOOD.replace('command = ["{python}", "-m", "apex.auth", "--port", "{PORT}"]\n', "")
    assert [p.where for p in mistakes(folder, text)] == ["services.auth.command"]


def test_a_newer_schema_is_one_mistake(folder):
    (found,) = mistakes(folder, "schema = 2\nwhatever = 1\n")
    assert (found.line, found.where) == (1, "schema")
    assert "newer" in found.message


def test_a_newer_schema_hides_no_mistake_that_is_one_in_every_version(folder):
    text = GOOD.replace("schema = 1", "schema = 2").replace("port = 8801", "port = 0\nbrand_new = 1")
    assert [(p.where, p.code) for p in mistakes(folder, text)] == [
        ("schema", "config-newer"),
        ("services.auth.port", "config-out-of-range"),
    ]


def test_an_unknown_platform_is_told_before_anything_is_done(folder):
    (found,) = mistakes(folder, GOOD.replace('platform = "local"', 'platform = "locl"'))
    assert (found.where, found.code, found.line) == ("environments.local.platform", "config-unknown-value", 6)
    assert found.hint == "did you mean 'local'?"


def test_targets_of_routes_are_free_when_the_file_has_none(folder):
    text = 'schema = 1\n[project]\nname = "x"\n[[claims]]\ntests = ["*"]\nroutes = ["backend: GET /x"]\n'
    assert load(written(folder, text)).claims[0].routes[0].target == "backend"


def test_a_link_out_of_the_folder_is_found(folder):
    (folder / "out").symlink_to("/")
    (found,) = mistakes(folder, GOOD.replace('source = "services"\ninc', 'source = "out"\ninc', 1))
    assert "leads out" in found.message


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b'schema = 1\nname = "\xff"\n', 2, "byte 0xff"),
        ("schema = 1\n".encode("utf-16"), 1, "UTF-8"),
        (b"schema = 1\n\n\0", 3, "NUL"),
        (b"schema = 1\nname = \n", 2, "not TOML"),
        (b"schema = 1\nschema = 1\n", 2, "not TOML"),
        (b'a = """\nnever closed\n', 2, "not TOML"),
        (b"a = " + b"[" * 50_000, None, "deep"),
        (b"a = " + b"[" * 60 + b"]" * 60, None, "deep"),
        (b"a" + b".a" * 200_000 + b" = 1", 1, "too many parts"),
        (b"a = {" + b"'b'." * 100_000 + b"c = 1}", 1, "too many parts"),
        (b"schema = " + b"9" * 5000, None, "not TOML"),
        (b"#" * (1024 * 1024 + 1), None, "1,048,577 bytes"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_toml_is_one_mistake(folder, content, line, words):
    (found,) = mistakes(folder, content)
    assert words in found.message
    assert found.line == line


def test_places_that_are_no_files(folder):
    for path, words in ((folder, "folder"), (folder / "nothing.toml", "no such file"), (folder / ("x" * 300), "read")):
        with pytest.raises(ConfigurationError) as caught:
            load(path)
        (found,) = caught.value.problems
        assert words in found.message


def test_a_device_is_not_read():
    with pytest.raises(ConfigurationError) as caught:
        load(Path("/dev/zero"))
    assert "ordinary" in caught.value.problems[0].message


def test_a_large_file_of_mistakes_is_answered_in_time(folder):
    text = "schema = 1\n" + "".join(f"k{number} = 1\n" for number in range(20_000))
    assert len(mistakes(folder, text)) == 20_001


def outcome(path: Path):
    """No mistake, or at least one: any other exception fails the test."""
    try:
        load(path)
    except ConfigurationError as error:
        return error.problems or pytest.fail("an error without a problem")
    return ()


FRAGMENTS = [
    *GOOD.splitlines(keepends=True),
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "=",
    ".",
    "\n",
    "a",
    "1",
    "\\",
    '"""',
    "é",
    "#",
    ",",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=60), st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(lambda f: "".join(f).encode())
    )
)
@example(b"services = 1\nclaims = {}\n[[suites]]\n")
@example(b"schema=1\n[services]\nauth=[[1]]\n[[claims]]\nroutes=[1, {a=2}]\n[targets.a]\nurl=3\nenv=4\n")
def test_nothing_but_a_configuration_error_comes_out(folder, content):
    lines = [problem.line or 0 for problem in outcome(written(folder, content))]
    assert lines == sorted(lines)


LINES = GOOD.splitlines(keepends=True)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, len(LINES) - 1),
    st.sampled_from(["", "x = 1\n", "3", '"a"\n', "[[x]]\n", "env = [1]\n", "[services.web.env]\n"]),
)
def test_one_line_changed_is_never_a_traceback(folder, number, line):
    outcome(written(folder, "".join([*LINES[:number], line, *LINES[number + 1 :]])))


def test_find_looks_upwards(folder):
    assert find(folder / "services") is None
    path = written(folder, GOOD)
    assert find(folder / "services") == path
    assert find(folder) == path
