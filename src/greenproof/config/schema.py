"""The JSON Schema and the reference page of the configuration, from the descriptions in `document`.

`python -m greenproof.config.schema` writes both into a checkout.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from greenproof.config.document import Document

FILE = Path(__file__).with_name("greenproof.schema.json")
PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"

_INTRODUCTION = """# Configuration

<!-- Written by `python -m greenproof.config.schema`. Change src/greenproof/config/document.py instead. -->

Greenproof reads `greenproof.toml`, found in the current folder or above it. Paths are relative to the folder of the
file. Names are lower-case letters, digits, `_` and `-`, at most 41. Every mistake is reported at once, with its line.

Editors that know JSON Schema complete and check the file with `greenproof.schema.json`, which the package contains.
"""


def schema() -> dict[str, object]:
    """The JSON Schema of `greenproof.toml`, draft 2020-12."""
    generated = Document.model_json_schema(by_alias=True)
    choices = {"Secret": ("generate", "env", "file"), "Target": ("service", "url")}
    for name, keys in choices.items():
        generated["$defs"][name]["oneOf"] = [{"required": [key]} for key in keys]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_plain(generated),
        "title": "greenproof.toml",
    }


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """The reference page: every key with its type, default and meaning."""
    parts = [_INTRODUCTION, *_sections(schema())]
    return "\n".join(parts)


def _plain(value: Any) -> Any:
    """Without the titles that pydantic makes of names, and without `| null`: TOML has no null."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "patternProperties" in value:
        value = {"additionalProperties": False, **value}
    options = value.get("anyOf", ())
    if {"type": "null"} in options:
        (option,) = (option for option in options if option != {"type": "null"})
        rest = {key: item for key, item in value.items() if key not in {"anyOf", "default"}}
        value = {**option, **rest}
    return {key: _plain(item) for key, item in value.items() if key != "title" or isinstance(item, dict)}


def _sections(whole: dict[str, Any]) -> Iterator[str]:
    yield _table("The file", "", whole, skipped=_entered(whole))
    for key, value in whole["properties"].items():
        yield from _section(key, value, whole["$defs"])


def _section(key: str, value: dict[str, Any], models: dict[str, Any]) -> Iterator[str]:
    heading, model = _heading(key, value, models)
    if model is None:
        return
    yield _table(heading, model.get("description", ""), model, skipped=())
    for name, inner in model["properties"].items():
        if "$ref" in inner:
            yield from _section(f"{heading.strip('`[]')}.{name}", inner, models)


def _heading(key: str, value: dict[str, Any], models: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    if "$ref" in value:
        return f"`[{key}]`", _model(value, models)
    if "items" in value and "$ref" in value["items"]:
        return f"`[[{key}]]`", _model(value["items"], models)
    inner = _values(value)
    return (f"`[{key}.NAME]`", _model(inner, models)) if inner and "$ref" in inner else (key, None)


def _values(value: dict[str, Any]) -> dict[str, Any] | None:
    found = next(iter(value.get("patternProperties", {}).values()), None) or value.get("additionalProperties")
    return found if isinstance(found, dict) else None


def _model(reference: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = models[reference["$ref"].rpartition("/")[2]]
    return model


def _entered(whole: dict[str, Any]) -> tuple[str, ...]:
    models = whole["$defs"]
    return tuple(key for key, value in whole["properties"].items() if _heading(key, value, models)[1] is not None)


def _table(heading: str, introduction: str, model: dict[str, Any], skipped: tuple[str, ...]) -> str:
    required = model.get("required", ())
    lines = [f"## {heading}", ""]
    lines += [introduction, ""] if introduction else []
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, value in model["properties"].items():
        if key not in skipped:
            default = "required" if key in required else _default(value)
            lines.append(f"| `{key}` | {_type(value)} | {default} | {value.get('description', '')} |")
    return "\n".join([*lines, ""])


def _default(value: dict[str, Any]) -> str:
    return f"`{json.dumps(value['default'])}`" if "default" in value else ""


def _type(value: dict[str, Any]) -> str:
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return " or ".join(f"`{json.dumps(option)}`" for option in value["enum"])
    if "$ref" in value:
        return "table"
    kind = str(value.get("type", "value"))
    if kind == "array":
        return f"list of {_type(value['items'])}s"
    words = {"object": "table of strings", "integer": "whole number", "boolean": "true or false"}
    return words.get(kind, kind) + _range(value)


def _range(value: dict[str, Any]) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
    said = [f"{word} {value[key]:g}" for key, word in words.items() if key in value]
    return f", {', '.join(said)}" if said else ""


def write() -> None:
    """Write the schema and the page."""
    FILE.write_text(schema_text(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
