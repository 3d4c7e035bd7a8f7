#!/bin/sh
# When a cluster is new: weir in the database of the image's user, and in those made later.
set -eu
for database in template1 "$POSTGRES_DB"; do
  psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$database" -c 'CREATE EXTENSION IF NOT EXISTS weir'
done
