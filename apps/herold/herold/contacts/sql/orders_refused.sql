-- Orders of nobody, and orders that are recorded for somebody else.
DELETE FROM staged_order s USING (
    SELECT o.line, c.id, p.contact_id
    FROM staged_order o
    LEFT JOIN contact c ON c.external_id = o.external_id AND c.erased_at IS NULL
    LEFT JOIN purchase p ON p.order_id = o.order_id
    WHERE o.line > %(after)s AND o.line <= %(to)s AND (c.id IS NULL OR p.contact_id <> c.id)
) AS refused
WHERE s.line = refused.line
RETURNING s.line, CASE WHEN refused.id IS NULL THEN 'UnknownContact' ELSE 'OrderOfAnother' END
