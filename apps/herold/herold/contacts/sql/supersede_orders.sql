-- An order that stands in the file twice: the last row counts.
DELETE FROM staged_order s USING (
    SELECT order_id, max(line) AS line FROM staged_order GROUP BY order_id HAVING count(*) > 1
) AS last
WHERE s.order_id = last.order_id AND s.line < last.line
