"""`python -m apex.backend`: serve on 127.0.0.1:$PORT."""

from apex.backend.app import create_app
from apex.backend.settings import Settings
from apex.shared.serving import serve

if __name__ == "__main__":
    serve(create_app(Settings.from_environment()), "backend")
