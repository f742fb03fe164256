-- Who logs in through the identity provider: the provider's name for a person, and ours.
CREATE TABLE user_identities (
    subject text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
