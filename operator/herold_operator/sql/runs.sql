-- Runs that may have changed since: open ones, new ones, those closed lately. Those of `herold proof` are not campaigns'.
SELECT ru.id, ru.namespace, ru.name, ru.occurrence, ru.state, ru.suspended, ru.stopped_at, ru.intent_digest,
       ru.created_at, ru.started_at, ru.closed_at, ru.start_by, ru.left_out,
       c.planned, c.sent, c.deferred, c.failed, c.suppressed, c.skipped, c.uncertain, c.waiting,
       (SELECT min(z.due_at) FROM run_zone z WHERE z.run_id = ru.id AND NOT z.exhausted) AS next_due_at,
       s.namespace || '/' || s.name AS sender
FROM run ru JOIN sender s ON s.id = ru.sender_id,
     LATERAL (SELECT * FROM run_counts WHERE run_id = ru.id) c
WHERE ru.state = 'Open' OR ru.id > %(known)s OR ru.closed_at >= %(since)s
ORDER BY ru.id
