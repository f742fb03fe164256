"""Logs of the services: where receipts are read from, and what people are shown."""
