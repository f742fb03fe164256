"""`python -m apex.frontend`: serve on 127.0.0.1:$PORT."""

from apex.frontend.app import create_app
from apex.frontend.platform import Addresses
from apex.shared.serving import serve

if __name__ == "__main__":
    serve(create_app(Addresses.from_environment()), "frontend")
