-- Tasks: work that a process of its own does for whoever asked. The row is the intent, its outcome the receipt.
SET search_path = herold;

-- One row for each (kind, campaign, occurrence): the same request again changes nothing, another digest takes the place
-- of the one before, and `turn` grows each time that there is something to do anew.
CREATE TABLE task (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('Build', 'Preflight')),
    namespace    text NOT NULL,
    name         text NOT NULL,
    occurrence   integer NOT NULL,
    digest       text NOT NULL,               -- Build: of the intent; Preflight: of everything that it looks at
    turn         integer NOT NULL DEFAULT 1,
    resolved     jsonb,                       -- NULL once it is finished
    suspended    boolean NOT NULL DEFAULT false, -- spec.suspend, which may change while it is at work
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at   timestamptz,
    finished_at  timestamptz,
    outcome      jsonb,                       -- of the last turn that was finished for this digest
    UNIQUE (kind, namespace, name, occurrence)
);
CREATE INDEX task_unfinished ON task (id) WHERE finished_at IS NULL;
CREATE INDEX task_finished ON task (finished_at);
