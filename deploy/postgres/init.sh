#!/bin/bash
# Makes the database of casework in an empty server: its owner, and a role that reads views and nothing else.
# PostgreSQL's image runs it once, when its volume is empty.
set -eu
export SECRETS=${TILLWATCH_SECRETS:-/run/secrets}/postgres
psql --set ON_ERROR_STOP=1 --no-psqlrc --quiet --dbname postgres --username "${POSTGRES_USER:-postgres}" <<'SQL'
\set owner `cat "$SECRETS/casework-password"`
\set reader `cat "$SECRETS/grafana-password"`
CREATE ROLE tillwatch LOGIN PASSWORD :'owner';
CREATE ROLE tillwatch_grafana LOGIN PASSWORD :'reader' CONNECTION LIMIT 20;
ALTER ROLE tillwatch_grafana SET default_transaction_read_only = on;
ALTER ROLE tillwatch_grafana SET statement_timeout = '30s';
CREATE DATABASE casework OWNER tillwatch TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE casework FROM PUBLIC;
GRANT CONNECT ON DATABASE casework TO tillwatch_grafana;
SQL
