"""A small query language in the manner of GraphQL: { ticket(id: 3) { subject comments { text } } }."""

import re

TOKEN = re.compile(r"[{}():,]|\"[^\"]*\"|\$?\w+")


class BadQuery(Exception):
    """The query text cannot be understood."""


def parse(text):
    tokens = TOKEN.findall(text)
    if tokens and tokens[0] in {"query", "mutation"}:
        tokens.pop(0)
    fields, rest = block(tokens)
    if rest:
        raise BadQuery(f"unexpected {rest[0]}")
    return fields


def block(tokens):
    if not tokens or tokens[0] != "{":
        raise BadQuery("expected {")
    tokens, fields = tokens[1:], []
    while tokens and tokens[0] != "}":
        name, tokens, arguments, inner = tokens[0], tokens[1:], {}, None
        if not name.isidentifier():
            raise BadQuery(f"unexpected {name}")
        if tokens and tokens[0] == "(":
            end = tokens.index(")") if ")" in tokens else len(tokens)
            parts = [t for t in tokens[1:end] if t not in {",", ":"}]
            arguments = dict(zip(parts[::2], parts[1::2], strict=False))
            tokens = tokens[end + 1 :]
        if tokens and tokens[0] == "{":
            inner, tokens = block(tokens)
        fields.append((name, arguments, inner))
    if not tokens:
        raise BadQuery("expected }")
    return fields, tokens[1:]


def value(raw, variables):
    if raw.startswith("$"):
        return variables.get(raw[1:])
    return raw.strip('"')


def select(thing, fields):
    if isinstance(thing, list):
        return [select(one, fields) for one in thing]
    if fields is None:
        return thing
    chosen = {}
    for name, _, inner in fields:
        if name not in thing:
            raise BadQuery(f"unknown field {name}")
        chosen[name] = select(thing[name], inner)
    return chosen


def answer(store, text, variables):
    data = {}
    for name, arguments, inner in parse(text):
        given = {key: value(raw, variables) for key, raw in arguments.items()}
        if name == "ticket":
            data[name] = select(store.get(given.get("id", "")), inner)
        elif name == "tickets":
            found = store.find(status=given.get("status"), text=given.get("text"), tag=given.get("tag"))
            data[name] = select(found[:50], inner)
        elif name == "createTicket":
            data[name] = select(store.create(given), inner)
        elif name == "stats":
            data[name] = select(store.counts(), inner)
        else:
            raise BadQuery(f"unknown field {name}")
    return data
