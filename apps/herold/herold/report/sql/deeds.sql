-- Who did what: the audit of this run, and the holds that lay on it.
SELECT at, actor, action, coalesce(detail ->> 'reason', detail ->> 'approval') AS reason FROM audit
WHERE target = 'run ' || %(run)s::text
   OR action = 'StartRun' AND target = %(campaign)s || '#' || %(occurrence)s::text AND detail ->> 'run' = %(run)s::text
   OR action = 'StartApproved' AND target = %(campaign)s || '#' || %(occurrence)s::text
      AND detail ->> 'digest' = (SELECT 'sha256:' || intent_digest FROM run WHERE id = %(run)s)
UNION ALL
SELECT h.created_at, h.actor, 'Hold ' || h.scope, h.reason FROM hold h
WHERE h.created_at <= %(until)s AND coalesce(h.released_at, h.expires_at, 'infinity') >= %(since)s
  AND (h.scope = 'Everything' OR h.scope = 'Team' AND h.target = %(namespace)s
       OR h.scope = 'Sender' AND h.target = %(sender)s OR h.scope = 'Campaign' AND h.target = %(campaign)s
       OR h.scope = 'Domain')
UNION ALL
SELECT coalesce(h.released_at, h.expires_at), coalesce(h.released_by, 'time'), 'Release ' || h.scope, h.reason
FROM hold h
WHERE coalesce(h.released_at, h.expires_at) BETWEEN %(since)s AND least(%(until)s, now())
  AND (h.scope = 'Everything' OR h.scope = 'Team' AND h.target = %(namespace)s
       OR h.scope = 'Sender' AND h.target = %(sender)s OR h.scope = 'Campaign' AND h.target = %(campaign)s
       OR h.scope = 'Domain')
ORDER BY 1
