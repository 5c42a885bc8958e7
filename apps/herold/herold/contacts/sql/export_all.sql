SELECT json_strip_nulls(json_build_object(
    'external_id', c.external_id, 'email', e.address, 'locale', c.locale, 'time_zone', c.time_zone,
    'attributes', c.attributes,
    'consents', (
        -- jsonb: json_agg breaks lines between its items, and here a line is a person
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'brand', s.brand, 'topic', s.topic, 'granted', k.granted,
                   'at', to_char(k.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   'wording', k.wording) ORDER BY k.at, k.granted DESC), '[]')
        FROM consent k JOIN consent_subject s ON s.id = k.subject WHERE k.contact_id = c.id)))
FROM contact c LEFT JOIN endpoint e ON e.contact_id = c.id AND e.channel = 'Email'
WHERE c.erased_at IS NULL AND NOT c.seed
ORDER BY c.id
