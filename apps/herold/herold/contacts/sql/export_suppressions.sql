SELECT jsonb_build_object('reason', s.reason, 'source', s.source, 'at', s.at)
FROM suppression s WHERE s.address_hash IN (
    SELECT address_hash FROM endpoint WHERE contact_id = %(contact)s
    UNION SELECT address_hash FROM delivery WHERE contact_id = %(contact)s)
ORDER BY s.at
