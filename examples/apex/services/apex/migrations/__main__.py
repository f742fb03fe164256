"""`python -m apex.migrations`: bring the database of $DATABASE_URL up to date."""

import asyncio
import logging

from apex.migrations import migrate
from apex.shared.logs import fields, write_json_lines
from apex.shared.settings import required

if __name__ == "__main__":
    write_json_lines("migrations")
    applied = asyncio.run(migrate(required("DATABASE_URL")))
    logging.getLogger("apex.migrations").info("schema is up to date", extra=fields(applied=applied))
