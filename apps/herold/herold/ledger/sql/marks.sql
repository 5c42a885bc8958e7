-- Marks: who remembers a later number than the ledger has, knows that it forgot something.
SET search_path = herold;

-- One row for each thread of work: a slot of a worker (the last window that it was given), a lease (-1: how often it was
-- begun, prolonged, ended), somebody who looks (-2). Whose it is alone moves it, always up, in the very transaction that it
-- stands for. So a row that is lower than somebody saw it was forgotten, and so may be all that was written since. A sequence
-- can't tell: PostgreSQL writes it down 32 numbers ahead, and numbers it outside of transactions.
CREATE TABLE mark (
    worker_id uuid NOT NULL,
    slot      smallint NOT NULL,
    number    bigint NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (worker_id, slot)
);
CREATE INDEX mark_newest ON mark (at);

CREATE FUNCTION mark_window() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO herold.mark AS m (worker_id, slot, number) VALUES (NEW.worker_id, NEW.slot, NEW.id)
    ON CONFLICT (worker_id, slot) DO UPDATE SET number = excluded.number, at = excluded.at
    WHERE m.number < excluded.number;
    RETURN NULL;
END $$;
CREATE TRIGGER window_marked AFTER INSERT ON send_window FOR EACH ROW EXECUTE FUNCTION mark_window();

CREATE FUNCTION mark_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO herold.mark AS m (worker_id, slot, number) VALUES (NEW.id, -1, 1)
    ON CONFLICT (worker_id, slot) DO UPDATE SET number = m.number + 1, at = excluded.at;
    RETURN NULL;
END $$;
CREATE TRIGGER lease_begun AFTER INSERT ON worker FOR EACH ROW EXECUTE FUNCTION mark_lease();
-- Who takes a lease changes its epoch: that is not its owner.
CREATE TRIGGER lease_moved AFTER UPDATE OF expires_at, ended_at ON worker
    FOR EACH ROW WHEN (NEW.epoch = OLD.epoch) EXECUTE FUNCTION mark_lease();

-- Somebody who looks marks that there is something new to see. Gives the transaction's number.
CREATE FUNCTION ledger_mark(p_who uuid) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    INSERT INTO mark AS m (worker_id, slot, number) VALUES (p_who, -2, 1)
    ON CONFLICT (worker_id, slot) DO UPDATE SET number = m.number + 1, at = excluded.at;
    RETURN pg_current_xact_id()::text::bigint;
END $$;

-- When a person accepted the ledger last: asked at every look.
CREATE INDEX audit_accepted ON audit (at) WHERE action = 'AcceptLedger';

-- The timeline of what is written now. Until the first checkpoint after a promotion, which may take minutes, that of the last
-- checkpoint is an older one; on a standby that was promoted soon after another even older than what was mirrored. Services
-- without a WAL of their own (Aurora) refuse to be asked: there it is what the control file says.
CREATE FUNCTION ledger_timeline() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_is_in_recovery() THEN
        BEGIN
            RETURN ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END IF;
    RETURN (SELECT timeline_id FROM pg_control_checkpoint());
END $$;

CREATE OR REPLACE FUNCTION ledger_fence(OUT system bigint, OUT timeline integer, OUT windows bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    SELECT s.system_identifier, ledger_timeline(), coalesce(pg_sequence_last_value('send_window_id_seq'), 0)
    FROM pg_control_system() s
$$;

-- The fence, and which of these marks (by place, from 1) the ledger does not know. Beside it the newest mark, for whoever
-- mirrors it: it stands for all that was committed before it. Times are microseconds since 1970, 0 for never.
CREATE FUNCTION ledger_look(
    p_workers uuid[], p_slots smallint[], p_numbers bigint[],
    OUT system bigint, OUT timeline integer, OUT windows bigint, OUT accepted bigint,
    OUT worker_id uuid, OUT slot smallint, OUT number bigint, OUT marked bigint, OUT unknown integer[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    SELECT f.system, f.timeline, f.windows INTO system, timeline, windows FROM ledger_fence() f;
    SELECT coalesce(extract(epoch FROM max(a.at)) * 1000000, 0)::bigint INTO accepted
    FROM audit a WHERE a.action = 'AcceptLedger';
    SELECT m.worker_id, m.slot, m.number, (extract(epoch FROM m.at) * 1000000)::bigint
    INTO worker_id, slot, number, marked FROM mark m ORDER BY m.at DESC LIMIT 1;
    unknown := array(
        SELECT w.place::integer FROM unnest(p_workers, p_slots, p_numbers) WITH ORDINALITY AS w (id, slot, number, place)
        LEFT JOIN mark m ON m.worker_id = w.id AND m.slot = w.slot
        WHERE m.number IS NULL OR m.number < w.number ORDER BY w.place);
END $$;

-- It went backwards: all claims stop, unless a person accepted it since whoever noticed looked (`accepted` of that look). One
-- statement sees an acceptance whole or not at all.
CREATE FUNCTION ledger_regress(p_why text, p_accepted bigint) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = herold, pg_temp AS $$
    UPDATE installation SET regressed_at = clock_timestamp(), regressed_why = left(p_why, 500)
    WHERE regressed_at IS NULL AND NOT EXISTS (
        SELECT FROM audit a WHERE a.action = 'AcceptLedger' AND extract(epoch FROM a.at) * 1000000 > p_accepted)
$$;
