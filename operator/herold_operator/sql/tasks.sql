-- Tasks that may have changed since: unfinished ones, and those that were finished lately.
SELECT id, kind, namespace, name, occurrence, digest, turn, suspended, requested_by, requested_at, started_at, finished_at,
       outcome
FROM task WHERE finished_at IS NULL OR finished_at >= %(since)s
