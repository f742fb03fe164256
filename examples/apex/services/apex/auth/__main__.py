"""`python -m apex.auth`: serve on 127.0.0.1:$PORT."""

from apex.auth.app import create_app
from apex.shared.serving import serve
from apex.shared.settings import StoreSettings

if __name__ == "__main__":
    serve(create_app(StoreSettings.from_environment()), "auth")
