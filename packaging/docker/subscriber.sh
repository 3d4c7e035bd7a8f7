#!/bin/sh
# When the subscriber's cluster is new: the table, the subscription to WEIR_PUBLISHER (host, or host:port), a monitor, a rule, and the role of Grafana.
set -eu
host=${WEIR_PUBLISHER%%:*}
port=${WEIR_PUBLISHER##*:}
[ "$port" != "$host" ] || port=5432
psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v password="$POSTGRES_PASSWORD" -v viewer=weir_viewer \
  -v connection="host=$host port=$port user=postgres dbname=postgres password='$POSTGRES_PASSWORD'" <<'SQL'
CREATE TABLE loans (id bigint PRIMARY KEY, decided_at timestamptz NOT NULL, income float8, purpose text, sex text, approved boolean, repaid int);
ALTER TABLE loans REPLICA IDENTITY FULL;
CREATE SUBSCRIPTION weir CONNECTION :'connection' PUBLICATION weir;
SELECT weir.create_monitor('loans', 'loans', 'decided_at', window_size => '1 hour', prediction => 'approved', label => 'repaid', protected => '{sex}');
SELECT weir.set_baseline('loans', since => now() - interval '28 days', until => now() - interval '1 day');
SELECT weir.create_rule('income drifts', 'loans', 'psi', above => 0.25, column_name => 'income', windows => 2);
CREATE ROLE :viewer LOGIN PASSWORD :'password';
GRANT pg_read_all_data TO :viewer;
ALTER ROLE :viewer SET jit = off;
ALTER ROLE :viewer SET default_transaction_read_only = on;
SQL
