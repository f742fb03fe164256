"""The witness inside a pytest run: case boundaries and checks, told to Greenproof.

`pytest -p pytest_greenproof.plugin` with `GREENPROOF_CONTROL=HOST:PORT:TOKEN` in the environment;
without that variable the plugin does nothing at all. `PROTOCOL.md` says what it tells."""

__version__ = "0.1.0"
