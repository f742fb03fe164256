"""Usage and cost events: written by the backend, queried by the agents' tools."""
