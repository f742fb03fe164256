"""The line index finds every key that tomllib finds, on the line where it was written."""

import json
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from greenproof.config.lines import index, line_of

KEYS = st.sampled_from(["a", "b-1", "c_2", "é x", "d.e", 'q"t', "#h", "[x]"])
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-5, 5),
    st.text(alphabet="ab]}[{#,\"=\\\n'é", max_size=8),
    st.just(1.5),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
TABLE = st.dictionaries(KEYS, VALUES, max_size=4)
SECTIONS = st.lists(st.tuples(st.booleans(), TABLE), max_size=4)
CHOICES = st.integers(0, 2**32)


class Writer:
    """Writes TOML in many styles and notes on which line it wrote what."""

    def __init__(self, choice: int) -> None:
        self.text = ""
        self.lines: dict[tuple, int] = {}
        self.choice = choice

    def pick(self, options: int) -> int:
        self.choice, picked = divmod(self.choice, options)
        return picked

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def key(self, key: str) -> str:
        if key in ("a", "b-1", "c_2") and self.pick(2):
            return key
        return f"'{key}'" if self.pick(2) else json.dumps(key)

    def pair(self, path: tuple, key: str, value: object) -> None:
        self.lines[(*path, key)] = self.line
        self.text += f"{self.key(key)}{' ' * self.pick(2)}={' ' * self.pick(2)}"
        self.value((*path, key), value)

    def value(self, path: tuple, value: object) -> None:
        if isinstance(value, list):
            self.list(path, value)
        elif isinstance(value, dict):
            self.inline(path, value)
        elif isinstance(value, str):
            self.string(value)
        else:
            self.text += json.dumps(value)

    def string(self, value: str) -> None:
        style = self.pick(3)
        if style == 1 and "'" not in value:
            self.text += f"'''\n{value}'''" if self.pick(2) else f"'''{value.lstrip(chr(10))}'''"
        elif style == 2 and '"' not in value and "\\" not in value:
            self.text += f'"""\\\n   {value}"""'
        else:
            self.text += json.dumps(value)

    def list(self, path: tuple, value: list) -> None:
        self.text += "["
        for number, item in enumerate(value):
            self.text += ("", " ", "\n  ", " # ] a comment\n")[self.pick(4)]
            self.lines[(*path, number)] = self.line
            self.value((*path, number), item)
            self.text += ("", "\n")[self.pick(2)] + ("," if number < len(value) - 1 or self.pick(2) else "")
        self.text += ("", "\n")[self.pick(2)] + "]"

    def inline(self, path: tuple, value: dict) -> None:
        self.text += "{ "
        for number, (key, item) in enumerate(value.items()):
            self.text += ", " if number else ""
            self.pair(path, key, item)
        self.text += " }"

    def table(self, path: tuple, table: dict) -> None:
        for key, item in table.items():
            self.pair(path, key, item)
            self.text += (" # = [x]\n", "\n", "\n\n")[self.pick(3)]


@settings(max_examples=300, deadline=None)
@given(TABLE, SECTIONS, CHOICES, st.booleans())
def test_every_key_is_on_the_line_where_it_was_written(top, sections, choice, windows):
    writer = Writer(choice)
    writer.table((), top)
    count = 0
    for number, (array, table) in enumerate(sections):
        writer.text += "# [not.a.header]\n"
        if array:
            path, header = ("rows", count, "sub"), "[ rows . sub ]"
            writer.lines[("rows", count)] = writer.line
            writer.text += "[[rows]]\n"
            count += 1
        else:
            path, header = (f"t{number}", "in"), f"[t{number}.'in']"
        writer.lines[path] = writer.line
        writer.text += f"{header}\n"
        writer.table(path, table)
    text = writer.text.replace("\n", "\r\n") if windows else writer.text
    found = index(text)
    assert {path: found.get(path) for path in writer.lines} == writer.lines
    assert set(found) == set(paths(tomllib.loads(text)))


def paths(value: object, at: tuple = ()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from paths(item, (*at, key))


def test_headers_dotted_keys_and_arrays_of_tables():
    text = 'a.b."c d" = 1\n[x.y]\nk = """\none\n""" # two\nl = [\n 1,\n {m = 2}]\n[[r]]\n[[r]]\n[r.s]\nt=1\n[x]\nz=1\n'
    found = index(text)
    assert found[("a", "b", "c d")] == 1
    assert found[("x", "y", "k")] == 3
    assert found[("x", "y", "l", 1, "m")] == 8
    assert found[("r", 0)] == 9
    assert found[("r", 1, "s", "t")] == 12
    assert found[("x",)] == 13
    assert found[("x", "z")] == 14


def test_what_is_missing_stands_where_its_table_stands():
    found = index("[a]\nb = 1\n")
    assert line_of(found, ("a", "missing", 3)) == 1
    assert line_of(found, ("zzz",)) is None
