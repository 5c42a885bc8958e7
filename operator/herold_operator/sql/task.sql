-- One task, with the columns of tasks.sql.
SELECT id, kind, namespace, name, occurrence, digest, turn, suspended, requested_by, requested_at, started_at, finished_at,
       outcome
FROM task WHERE id = %(id)s
