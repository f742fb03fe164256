"""Pure values that every other part speaks in. Standard library only; imports nothing of ours."""
