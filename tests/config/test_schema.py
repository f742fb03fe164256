"""The shipped schema and page are those that the descriptions give, and they tell the truth."""

import json
import subprocess
import sys
import tomllib

import jsonschema
import pytest

from greenproof.config import schema

SMALL = 'schema = 1\n[project]\nname = "x"\n'


def valid(text: str) -> bool:
    validator = jsonschema.Draft202012Validator(schema.schema())
    return not list(validator.iter_errors(tomllib.loads(text)))


def test_the_shipped_schema_is_the_generated_one():
    assert schema.FILE.read_text(encoding="utf-8") == schema.schema_text()


def test_the_page_is_the_generated_one():
    assert schema.PAGE.read_text(encoding="utf-8") == schema.page()


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema.schema())


def test_every_key_is_described_and_on_the_page():
    whole = schema.schema()
    page = schema.page()
    for model in [whole, *whole["$defs"].values()]:
        assert model.get("description")
        for key, value in model["properties"].items():
            assert value.get("description"), key
            assert f"`{key}`" in page or f"[{key}" in page


@pytest.mark.parametrize(
    "more",
    [
        "[secrets]\njwt = { generate = 32 }\n",
        '[targets.a]\nurl = "https://x"\n',
        '[[features]]\nname = "a"\nvalue = 1\ntests = ["*"]\n',
        '[services.a]\nsource = "."\ncommand = ["x"]\nenv = { A = "1" }\n[services.a.log]\ndepth = { core = ["a"] }\n',
    ],
)
def test_right_files_are_valid(more):
    assert valid(SMALL + more)


@pytest.mark.parametrize(
    "more",
    [
        "[secrets]\njwt = { }\n",
        '[secrets]\njwt = { generate = 32, env = "A" }\n',
        "[secrets]\njwt = { generate = 3 }\n",
        "[targets.a]\n",
        "[target.a]\n",
        "[services.A]\n",
        '[services.a]\nsource = "."\ncommand = []\n',
        '[services.a]\nsource = "."\ncommand = ["x"]\nenv = { A-B = "1" }\n',
        '[[priorities]]\nname = "a"\ntolerated = 2.0\ntests = ["*"]\n',
    ],
)
def test_wrong_files_are_not(more):
    assert not valid(SMALL + more)


def test_the_command_writes_both(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "FILE", tmp_path / "schema.json")
    monkeypatch.setattr(schema, "PAGE", tmp_path / "page.md")
    schema.write()
    assert json.loads((tmp_path / "schema.json").read_text()) == schema.schema()
    assert (tmp_path / "page.md").read_text() == schema.page()


def test_importing_the_package_does_not_import_the_configuration():
    code = "import sys, greenproof, greenproof.model.plan; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
