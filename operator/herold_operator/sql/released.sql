-- Holds on a campaign that ended since an instant, the latest first; released_by is NULL where one expired.
SELECT h.id, h.reason, h.released_by FROM hold h
LEFT JOIN run ru ON ru.id = %(run)s::integer
LEFT JOIN sender s ON s.id = ru.sender_id
WHERE coalesce(h.released_at, h.expires_at) BETWEEN %(since)s::timestamptz AND now()
  AND (h.scope = 'Everything' OR h.scope = 'Team' AND h.target = %(namespace)s
       OR h.scope = 'Campaign' AND h.target IN (%(namespace)s || '/' || %(name)s, %(namespace)s || '/' || %(name)s || '~proof')
       OR h.scope = 'Sender' AND h.target = s.namespace || '/' || s.name)
ORDER BY coalesce(h.released_at, h.expires_at) DESC, h.id DESC LIMIT 5
