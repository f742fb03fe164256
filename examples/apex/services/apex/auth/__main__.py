"""`python -m apex.auth`: serve on 127.0.0.1:$PORT."""

from apex.auth.app import create_app
from apex.auth.settings import Settings
from apex.shared.serving import serve

if __name__ == "__main__":
    serve(create_app(Settings.from_environment()), "auth")
