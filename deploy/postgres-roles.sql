-- The role that the service runs as on PostgreSQL: it adds deposits, events, records and checkpoints and reads them,
-- and can neither change nor delete one, even without the triggers, which only their owner can drop.
--
--   createuser hefu_owner && createdb --owner=hefu_owner hefu
--   HEFU_DATABASE_URL=postgresql://hefu_owner@db.example/hefu hefu-service init …
--   psql --single-transaction --set=ON_ERROR_STOP=1 --file=postgres-roles.sql hefu
--   HEFU_DATABASE_URL=postgresql://hefu_service@db.example/hefu hefu-service serve …
--
-- Run it as a superuser, after `init` and after every `upgrade` (which hefu_owner does too); it may be run again.
-- Passwords go into ~/.pgpass on the service's machine, never into a setting; give the role its own with \password.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hefu_service') THEN
        CREATE ROLE hefu_service LOGIN;
    END IF;
END
$$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, hefu_service;
REVOKE CREATE ON SCHEMA public FROM PUBLIC, hefu_service;
GRANT USAGE ON SCHEMA public TO hefu_service;

-- Tables that only grow.
GRANT SELECT, INSERT ON deposits, statement_texts, events, records, checkpoints, depositors TO hefu_service;
GRANT SELECT, INSERT ON vaults, vault_blobs, vault_closures, messages TO hefu_service;

-- Tables that change: where intake and ledger stand, and a depositor's one-time code.
GRANT SELECT, UPDATE ON intake_head, ledger_head TO hefu_service;
GRANT SELECT, INSERT, UPDATE ON codes TO hefu_service;

-- And the states of messages, destinations and alarms.
GRANT SELECT, INSERT, UPDATE ON deliveries, outlets, alarms TO hefu_service;

-- Which schema this is.
GRANT SELECT ON alembic_version TO hefu_service;
