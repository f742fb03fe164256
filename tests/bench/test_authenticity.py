"""`bench/authenticity/run DIR`: labels that can't be used are told in one message, with exit code 4."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "bench" / "authenticity" / "run.py"
HEAD = "nodeid\tlabel\tclass\tstack\tacceptable\troutes\tnote\n"
ROW = "suite/test_it.py::test_it\treal\t-\trequests\tproven\t\t\n"
CONFIG = 'schema = 1\n[project]\nname = "x"\n[targets.shop]\nurl = "http://127.0.0.1:9"\n'


def measured(place: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, RUN, place], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("", "no column nodeid, label, class, acceptable"),
        (HEAD, "names no case"),
        ("nodeid,label\na,real\n", "no column nodeid, label, class, acceptable"),
        (HEAD.replace("acceptable", "accepted") + ROW, "no column acceptable"),
        (HEAD + ROW.replace("real", "genuine"), "line 2: the label 'genuine'"),
        (HEAD + ROW + ROW, "line 3: suite/test_it.py::test_it was named before"),
        (HEAD + ROW.replace("proven", "green"), "line 2: 'green' is no verdict"),
        (HEAD + "suite/test_it.py::test_it\n", "line 2: the label ''"),
        (HEAD + "\t" + ROW, "line 2: no node id"),
        (HEAD + "\xff", "can't be read as a table"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, labels: str, said: str) -> None:
    (tmp_path / "greenproof.toml").write_text(CONFIG)
    (tmp_path / "labels.tsv").write_text(labels, encoding="latin-1")
    code, message = measured(tmp_path)
    assert code == 4
    assert said in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("config", [None, "[", "schema = 1\n"])
def test_a_configuration_that_cannot_be_used(tmp_path: Path, config: str | None) -> None:
    (tmp_path / "labels.tsv").write_text(HEAD + ROW)
    if config is not None:
        (tmp_path / "greenproof.toml").write_text(config)
    code, message = measured(tmp_path)
    assert (code, len(message.splitlines())) == (4, 1)
    assert "greenproof.toml" in message


def test_a_folder_without_labels(tmp_path: Path) -> None:
    code, message = measured(tmp_path)
    assert (code, "no labels.tsv" in message) == (4, True)


def test_a_label_without_a_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:  # type: ignore[type-arg]
    """Only who has run the suite knows its cases."""
    monkeypatch.syspath_prepend(str(RUN.parent))
    import run

    (tmp_path / "labels.tsv").write_text(HEAD + ROW + ROW.replace("test_it", "test_gone"))
    (tmp_path / "greenproof.toml").write_text(CONFIG)
    case = {"verdict": "proven", "outcome": "passed", "reasons": [], "duration_s": 0.1}
    monkeypatch.setattr(run, "judged", lambda *_: {"suite/test_it.py::test_it": case})
    monkeypatch.setattr(run, "by_sockets", lambda *_: run.Believed("sockets", frozenset()))
    monkeypatch.setattr(run, "by_falsegreen", lambda *_: [])
    monkeypatch.setattr(run, "interpreter", lambda _: Path(sys.executable))
    for tool in ("tools", "sockets_plugin"):
        monkeypatch.setattr(run, tool, lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["run", str(tmp_path)])
    assert run.main() == 4
    told = capsys.readouterr()
    assert "1 real and 0 hollow cases" in told.out
    assert "1 labels name no case of the suite and were left out: suite/test_gone.py::test_gone" in told.err
