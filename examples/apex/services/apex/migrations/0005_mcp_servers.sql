-- MCP servers of a user, with the tools that they offered when they were last asked.
CREATE TABLE mcp_servers (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    tools jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (owner_id, name)
);
