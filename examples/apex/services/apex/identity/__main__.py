"""`python -m apex.identity`: serve on 127.0.0.1:$PORT."""

from apex.identity.app import Settings, create_app
from apex.shared.serving import serve

if __name__ == "__main__":
    serve(create_app(Settings.from_environment()), "identity")
