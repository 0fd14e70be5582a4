-- A role for Grafana on triage's database: it reads what the boards show. Users, sessions, tokens and comments it cannot.
-- After triage has started once, as the database's owner: psql --dbname oddflow --file config/grafana/reader.sql
-- Then give it a password: psql --dbname oddflow --command '\password oddflow_reader'
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'oddflow_reader') THEN
    CREATE ROLE oddflow_reader LOGIN CONNECTION LIMIT 10;
  END IF;
END
$$;
ALTER ROLE oddflow_reader SET default_transaction_read_only = on;
ALTER ROLE oddflow_reader SET statement_timeout = '30s';
GRANT USAGE ON SCHEMA public TO oddflow_reader;
GRANT SELECT ON incidents, incident_hosts TO oddflow_reader;
GRANT SELECT (host, partition, risk, as_of, rank) ON risks TO oddflow_reader;
