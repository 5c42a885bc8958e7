-- Rows of this batch, how many of them are new, and how many correct what is recorded.
WITH known AS MATERIALIZED (
    SELECT c.id AS contact_id, s.order_id, s.at, s.amount
    FROM staged_order s JOIN contact c USING (external_id)
    WHERE s.line > %(after)s AND s.line <= %(to)s
), corrected AS (
    UPDATE purchase p SET at = k.at, amount = k.amount FROM known k
    WHERE p.order_id = k.order_id AND (p.at, p.amount) IS DISTINCT FROM (k.at, k.amount)
    RETURNING 1
), added AS (
    INSERT INTO purchase (contact_id, order_id, at, amount)
    SELECT contact_id, order_id, at, amount FROM known k
    WHERE NOT EXISTS (SELECT FROM purchase p WHERE p.order_id = k.order_id)
    RETURNING 1
)
SELECT (SELECT count(*) FROM known), (SELECT count(*) FROM added), (SELECT count(*) FROM corrected)
