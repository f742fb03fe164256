"""Text from outside, made fit to be shown."""


def printable(text: str) -> str:
    """Text from outside without control characters, so that no test name can drive the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
