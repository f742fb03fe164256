CREATE TABLE threads (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX threads_of_owner ON threads (owner_id, created_at);

CREATE TABLE messages (
    id uuid PRIMARY KEY,
    thread_id uuid NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    position bigint GENERATED ALWAYS AS IDENTITY,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL,
    run_id uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_of_thread ON messages (thread_id, position);

CREATE TABLE runs (
    id uuid PRIMARY KEY,
    thread_id uuid NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    owner_id uuid NOT NULL,
    agent text NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'completed', 'failed')),
    answer text,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX runs_of_thread ON runs (thread_id, started_at);

CREATE TABLE run_events (
    run_id uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    sequence integer NOT NULL,
    event jsonb NOT NULL,
    PRIMARY KEY (run_id, sequence)
);
