"""The environment of a witnessed run."""

import ssl
from pathlib import Path

from greenproof.adapters.runners.witnessed import merged_bundle, own_bundle, plugin_folder, witnessed_environment


def test_the_folder_shows_the_tests_the_plugin_and_nothing_else(tmp_path: Path) -> None:
    folder = plugin_folder(tmp_path)
    assert [p.name for p in folder.iterdir()] == ["pytest_greenproof"]
    assert (folder / "pytest_greenproof" / "plugin.py").is_file()
    assert plugin_folder(tmp_path) == folder


def test_what_the_user_set_is_kept(tmp_path: Path) -> None:
    base = {"PYTHONPATH": "/mine", "PYTEST_ADDOPTS": "-p my_plugin", "OTHER": "x"}
    made = witnessed_environment(
        base, plugin=tmp_path, control="c", addresses={"A": "u"}, bundle=None, command=("pytest",), fault_run=False
    )
    assert made["PYTHONPATH"] == f"{tmp_path}:/mine"
    assert made["PYTEST_ADDOPTS"] == "-p my_plugin -p pytest_greenproof.plugin"
    assert (made["OTHER"], made["A"], made["GREENPROOF_CONTROL"]) == ("x", "u", "c")


def test_reds_of_a_fault_run_stay_out_of_the_users_last_failed(tmp_path: Path) -> None:
    def options(*command: str) -> str:
        return witnessed_environment(
            {}, plugin=tmp_path, control="c", addresses={}, bundle=None, command=command, fault_run=True
        )["PYTEST_ADDOPTS"]

    assert "no:cacheprovider" in options("pytest")
    assert "no:cacheprovider" not in options("pytest", "--lf")


def test_bundles_are_merged_never_replaced(tmp_path: Path) -> None:
    own, ca = tmp_path / "own.pem", tmp_path / "ca.pem"
    own.write_text("OWN\n")
    ca.write_text("RELAY\n")
    merged = merged_bundle({"SSL_CERT_FILE": str(own)}, ca, tmp_path / "out").read_text()
    assert "OWN" in merged
    assert "RELAY" in merged
    system = ssl.get_default_verify_paths().cafile
    default = merged_bundle({}, ca, tmp_path / "out2").read_bytes()
    assert system is None or Path(system).read_bytes() in default


def test_a_private_ca_of_the_user_verifies_the_target(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("CA\n")
    assert own_bundle({"REQUESTS_CA_BUNDLE": str(ca)}) == ca
    assert own_bundle({"SSL_CERT_FILE": str(tmp_path / "none.pem")}) is None
    assert own_bundle({}) is None
