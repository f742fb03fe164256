-- Usage and cost events: written by the platform's clients, queried by the agents' tools.
CREATE TABLE usage_events (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    service text NOT NULL,
    metric text NOT NULL,
    amount numeric(14, 4) NOT NULL,
    occurred_on date NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX usage_of_owner ON usage_events (owner_id, occurred_on, service);
