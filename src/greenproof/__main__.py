"""`python -m greenproof`."""

from greenproof.cli import main

main()
