"""Checks of the machine, each in a file by what it looks at. A new check is one function in one of them."""
