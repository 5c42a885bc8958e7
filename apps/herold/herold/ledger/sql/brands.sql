-- Brands: which rows exist for whom. The owner of the schema sees all; a login sees what belongs to the brands that it is
-- bound to. Rights are given by name in herold.ledger.roles; this here decides which rows they are about.
SET search_path = herold;

-- '*' is every brand. A login that is not here sees nothing.
CREATE TABLE brand_role (
    role  text NOT NULL,
    brand text NOT NULL,
    PRIMARY KEY (role, brand)
);

-- What a row is of: a sender, and through it lanes, runs and all that hangs on them.
ALTER TABLE sender ADD COLUMN brand text GENERATED ALWAYS AS (spec ->> 'brand') STORED;
-- Who wrote it, by the database's own word; `actor` is what they say of themselves.
ALTER TABLE audit ADD COLUMN login text NOT NULL DEFAULT session_user;
ALTER TABLE worker ADD COLUMN login text NOT NULL DEFAULT session_user;
-- Stays when the request is gone.
ALTER TABLE task ADD COLUMN brand text;
UPDATE task SET brand = resolved #>> '{sender,spec,brand}';

CREATE FUNCTION task_has_brand() RETURNS trigger LANGUAGE plpgsql SET search_path = herold, pg_temp AS $$
BEGIN
    NEW.brand := coalesce(NEW.resolved #>> '{sender,spec,brand}', NEW.brand);
    RETURN NEW;
END $$;
CREATE TRIGGER task_brand BEFORE INSERT OR UPDATE ON task FOR EACH ROW EXECUTE FUNCTION task_has_brand();

-- With its brand, a sender's runs would become another brand's.
CREATE FUNCTION sender_keeps_brand() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    IF NEW.spec ->> 'brand' IS DISTINCT FROM OLD.spec ->> 'brand'
       AND EXISTS (SELECT FROM run WHERE sender_id = OLD.id) THEN
        RAISE EXCEPTION 'sender %/% has runs of its brand', OLD.namespace, OLD.name;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sender_brand BEFORE UPDATE OF spec ON sender FOR EACH ROW EXECUTE FUNCTION sender_keeps_brand();

-- Whom the session works for ---------------------------------------------------------------------------------------------
-- session_user, also inside of functions that work as the owner, who is the current_user there. PL/pgSQL keeps their plans.

CREATE FUNCTION sees_all() RETURNS boolean LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    RETURN pg_has_role(session_user, current_user, 'USAGE')
        OR EXISTS (SELECT FROM brand_role WHERE role = session_user AND brand = '*');
END $$;

CREATE FUNCTION sees_any() RETURNS boolean LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    RETURN pg_has_role(session_user, current_user, 'USAGE')
        OR EXISTS (SELECT FROM brand_role WHERE role = session_user);
END $$;

CREATE FUNCTION sees_brand(p_brand text) RETURNS boolean LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    RETURN pg_has_role(session_user, current_user, 'USAGE')
        OR EXISTS (SELECT FROM brand_role WHERE role = session_user AND brand IN ('*', p_brand));
END $$;

-- By name; what '*' means is not spelled out here.
CREATE FUNCTION my_brands() RETURNS text[] LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    RETURN array(SELECT brand FROM brand_role WHERE role = session_user);
END $$;

CREATE FUNCTION my_senders() RETURNS smallint[] LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE
    v_all    boolean := sees_all();
    v_brands text[] := my_brands();
BEGIN
    RETURN array(SELECT id FROM sender WHERE v_all OR brand = ANY (v_brands));
END $$;

CREATE FUNCTION my_subjects() RETURNS smallint[] LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE
    v_all    boolean := sees_all();
    v_brands text[] := my_brands();
BEGIN
    RETURN array(SELECT id FROM consent_subject WHERE v_all OR brand = ANY (v_brands));
END $$;

-- The number of a subject of consent, NULL while nobody was asked. Of a brand that is not seen nobody would seem to have
-- consented, and everybody not to have: that is an error and not an answer.
CREATE FUNCTION subject_of(p_brand text, p_topic text, p_channel text) RETURNS smallint LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
BEGIN
    IF NOT sees_brand(p_brand) THEN
        RAISE EXCEPTION 'this login does not see consents of the brand %', p_brand USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN (SELECT id FROM consent_subject WHERE (brand, topic, channel) = (p_brand, p_topic, p_channel));
END $$;

-- Which run an entry of the audit is about, NULL for none.
CREATE FUNCTION audit_run(p_target text, p_detail jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_target ~ '^run [0-9]{1,9}$' THEN substr(p_target, 5)::integer
                WHEN p_detail ->> 'run' ~ '^[0-9]{1,9}$' THEN (p_detail ->> 'run')::integer END
$$;

-- Policies ---------------------------------------------------------------------------------------------------------------
-- Each asks first, once a statement, whether the session sees all.

DO $$
DECLARE v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['lane', 'sender_day', 'run'] LOOP
        EXECUTE format('CREATE POLICY brand ON %I USING ((SELECT sees_all()) '
                       'OR sender_id = ANY ((SELECT my_senders())::smallint[]))', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['run_zone', 'delivery', 'outcome', 'chunk', 'retry', 'send_window', 'tally'] LOOP
        EXECUTE format('CREATE POLICY brand ON %I USING ((SELECT sees_all()) '
                       'OR EXISTS (SELECT FROM run WHERE run.id = run_id))', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['consent', 'consent_current'] LOOP
        EXECUTE format('CREATE POLICY brand ON %I USING ((SELECT sees_all()) '
                       'OR subject = ANY ((SELECT my_subjects())::smallint[]))', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['sender', 'consent_subject', 'task'] LOOP
        EXECUTE format('CREATE POLICY brand ON %I USING ((SELECT sees_all()) '
                       'OR brand = ANY ((SELECT my_brands())::text[]))', v_table);
    END LOOP;
    -- People are the company's, and leases and brakes are everybody's: they exist for whoever is bound to a brand.
    FOREACH v_table IN ARRAY ARRAY['contact', 'endpoint', 'event', 'purchase', 'suppression', 'worker'] LOOP
        EXECUTE format('CREATE POLICY brand ON %I USING ((SELECT sees_any()))', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['sender', 'lane', 'sender_day', 'run', 'run_zone', 'delivery', 'outcome', 'chunk',
                                   'retry', 'send_window', 'tally', 'consent_subject', 'consent', 'consent_current',
                                   'task', 'contact', 'endpoint', 'event', 'purchase', 'suppression', 'worker', 'hold',
                                   'audit', 'brand_role'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_table);
    END LOOP;
END $$;

-- Whoever may hold at all may hold anything; what holds others is released by who sees them all.
CREATE POLICY brake ON hold FOR INSERT WITH CHECK ((SELECT sees_any()));
CREATE POLICY look ON hold FOR SELECT USING ((SELECT sees_any()));
CREATE POLICY release ON hold FOR UPDATE USING (
    (SELECT sees_all())
    OR scope = 'Sender' AND EXISTS (SELECT FROM sender s WHERE s.namespace || '/' || s.name = target)
    OR scope = 'Campaign' AND EXISTS (SELECT FROM run ru WHERE ru.namespace || '/' || ru.name = target));
-- That a ledger may be taken as it is says its owner only: a reader's word would open the fence.
CREATE POLICY say ON audit FOR INSERT WITH CHECK ((SELECT sees_any()) AND action <> 'AcceptLedger');
CREATE POLICY look ON audit FOR SELECT USING (
    (SELECT sees_all()) OR EXISTS (SELECT FROM run WHERE run.id = audit_run(target, detail)));

-- A view reads with the rights of its reader.
ALTER VIEW run_counts SET (security_invoker = true);

-- What works as the owner ------------------------------------------------------------------------------------------------

ALTER FUNCTION consent_keep_current() SECURITY DEFINER;

-- Somebody's inbox of the team: found by its address, made when there is none.
CREATE FUNCTION seed_contact(p_address text, p_hash bytea, p_domain text, p_locale text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE v_id bigint;
BEGIN
    IF NOT sees_any() THEN
        RAISE EXCEPTION 'this login is bound to no brand' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT c.id INTO v_id FROM contact c JOIN endpoint e ON e.contact_id = c.id
    WHERE c.seed AND c.erased_at IS NULL AND e.address_hash = p_hash ORDER BY c.id LIMIT 1;
    IF v_id IS NULL THEN
        INSERT INTO contact (seed, locale) VALUES (true, p_locale) RETURNING id INTO v_id;
        INSERT INTO endpoint (contact_id, channel, address, address_hash, domain)
        VALUES (v_id, 'Email', p_address, p_hash, p_domain);
    END IF;
    UPDATE contact SET locale = p_locale WHERE id = v_id AND locale IS DISTINCT FROM p_locale;
    RETURN v_id;
END $$;

-- After a large import; ANALYZE is the owner's.
CREATE FUNCTION analyze_people(VARIADIC p_tables text[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = herold, pg_temp AS $$
DECLARE v_table text;
BEGIN
    FOREACH v_table IN ARRAY p_tables LOOP
        IF v_table NOT IN ('contact', 'endpoint', 'event', 'purchase', 'consent', 'consent_current') THEN
            RAISE EXCEPTION '% has no people in it', v_table;
        END IF;
        EXECUTE format('ANALYZE herold.%I', v_table);
    END LOOP;
END $$;

-- The fence: what can only grow while the ledger is the same.
CREATE FUNCTION ledger_fence(OUT system bigint, OUT timeline integer, OUT windows bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = herold, pg_temp AS $$
    SELECT s.system_identifier, c.timeline_id, coalesce(pg_sequence_last_value('send_window_id_seq'), 0)
    FROM pg_control_system() s, pg_control_checkpoint() c
$$;

-- It went backwards: all claims stop, whoever noticed it.
CREATE FUNCTION ledger_regress(p_why text) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = herold, pg_temp AS $$
    UPDATE installation SET regressed_at = clock_timestamp(), regressed_why = left(p_why, 500)
    WHERE regressed_at IS NULL
$$;
