"""A small multi-tenant web shop."""
