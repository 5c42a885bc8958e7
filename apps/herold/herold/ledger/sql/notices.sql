-- Notices: what a team is to be told of its campaigns by a webhook. The row is the intent, its end the receipt.
SET search_path = herold;

-- What of a campaign has been told, or was so before anybody listened. It changes with the notices, in one transaction.
CREATE TABLE told (
    namespace  text NOT NULL,
    name       text NOT NULL,
    facts      jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace, name)
);

-- Of one campaign each waits for the one before: they arrive in the order in which they happened.
CREATE TABLE notice (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          text NOT NULL UNIQUE,         -- of what happened: the same however often it is told
    namespace   text NOT NULL,
    name        text NOT NULL,
    type        text NOT NULL,
    body        text NOT NULL,                -- the very bytes that are signed
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts    integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at  timestamptz,
    outcome     text CHECK (outcome IN ('Delivered', 'Refused', 'GivenUp'))
);
CREATE INDEX notice_waiting ON notice (namespace, name, seq) WHERE settled_at IS NULL;
CREATE INDEX notice_settled ON notice (settled_at);

-- They speak of no person, and a campaign that is wrong has no brand: they exist for whoever is bound to one.
CREATE POLICY brand ON told USING ((SELECT sees_any()));
CREATE POLICY brand ON notice USING ((SELECT sees_any()));
ALTER TABLE told ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice ENABLE ROW LEVEL SECURITY;
