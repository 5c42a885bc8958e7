-- For each sender: deliveries that may go out now or within the next half minute, whether there are chores that only a
-- worker does (a window to record or to take over, something to sweep, a run to close), and the runs of both, but for
-- those that wait for tomorrow because the sender's warm-up is used up for today.
WITH held AS (
    SELECT scope, target FROM hold WHERE released_at IS NULL AND (expires_at IS NULL OR expires_at > now())
), live AS (
    SELECT ru.id, ru.sender_id, ru.stopped_at,
           ru.suspended OR ru.stopped_at IS NOT NULL OR (ru.started_at IS NULL AND ru.start_by < now())
           OR EXISTS (SELECT FROM held h WHERE h.scope = 'Everything' OR h.scope = 'Team' AND h.target = ru.namespace
                      OR h.scope = 'Campaign' AND h.target = ru.namespace || '/' || ru.name
                      OR h.scope = 'Sender' AND h.target = s.namespace || '/' || s.name) AS braked
    FROM run ru JOIN sender s ON s.id = ru.sender_id WHERE ru.state = 'Open'
), due AS (
    SELECT l.id, l.sender_id, sum(coalesce(c.n, 0) + coalesce(q.n, 0))::bigint AS n
    FROM live l JOIN run_zone z ON z.run_id = l.id AND NOT z.exhausted
    LEFT JOIN LATERAL (SELECT sum(last - first + 1) AS n FROM chunk WHERE run_id = l.id AND zone = z.zone) c ON true
    LEFT JOIN LATERAL (SELECT count(*) AS n FROM retry WHERE run_id = l.id AND zone = z.zone
                       AND due_at <= now() + interval '30 s') q ON true
    WHERE NOT l.braked AND z.due_at <= now() + interval '30 s' AND z.expires_at > now() AND NOT z.quiet @> now()
    GROUP BY l.id, l.sender_id
), chores AS (
    SELECT l.id, l.sender_id FROM live l
    WHERE EXISTS (SELECT FROM send_window w WHERE w.run_id = l.id)
       OR l.stopped_at IS NOT NULL
       OR EXISTS (SELECT FROM run_zone z WHERE z.run_id = l.id AND NOT z.exhausted AND z.expires_at <= now())
       OR (NOT EXISTS (SELECT FROM chunk c WHERE c.run_id = l.id) AND NOT EXISTS (SELECT FROM retry q WHERE q.run_id = l.id))
       OR (EXISTS (SELECT FROM run ru WHERE ru.id = l.id AND ru.started_at IS NULL AND ru.start_by < now()))
)
SELECT s.namespace, s.name, coalesce((SELECT sum(d.n) FROM due d WHERE d.sender_id = s.id), 0)::bigint AS due,
       EXISTS (SELECT FROM chores k WHERE k.sender_id = s.id) AS chores,
       ARRAY(SELECT k.id FROM chores k WHERE k.sender_id = s.id
             UNION
             SELECT d.id FROM due d WHERE d.sender_id = s.id AND d.n > 0 AND NOT EXISTS (
                 SELECT FROM sender_day w WHERE w.sender_id = s.id AND w.day = (now() AT TIME ZONE 'UTC')::date
                 AND w.used >= w.allowed)
             ORDER BY 1) AS moving
FROM sender s
