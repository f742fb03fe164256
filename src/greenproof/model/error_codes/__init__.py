"""The catalogue of error codes: each once, with its exit code, its meaning, an example and what to do about it.

Reasons, which are about cases and runs, have a catalogue of their own: `analysis.authenticity.reasons`.
"""

from greenproof.model.error_codes.command_line import COMMAND_LINE
from greenproof.model.error_codes.configuration import CONFIGURATION
from greenproof.model.error_codes.environment import ENVIRONMENT
from greenproof.model.error_codes.kinds import ErrorKind, catalogue
from greenproof.model.error_codes.loop import LOOP
from greenproof.model.error_codes.measure import MEASURE
from greenproof.model.error_codes.record import RECORD
from greenproof.model.error_codes.releases import RELEASES
from greenproof.model.error_codes.sides import SIDES

ERRORS = catalogue(COMMAND_LINE, ENVIRONMENT, RELEASES, SIDES, LOOP, RECORD, MEASURE, CONFIGURATION)
"""Code to kind, in the order of the reference page."""

__all__ = ["ERRORS", "ErrorKind"]
