#!/bin/sh
# At build time: new clusters preload weir and may decode. Usage: settings.sh MAJOR
set -eu
sample=/usr/share/postgresql/$1/postgresql.conf.sample
{
  echo "shared_preload_libraries = 'weir'"
  echo "wal_level = logical"
  # The server does not run as root, not even to describe its settings.
  if setpriv --reuid=postgres --regid=postgres --clear-groups "/usr/lib/postgresql/$1/bin/postgres" --describe-config | grep -q '^output_plugin_libraries'; then
    echo "output_plugin_libraries = 'pgoutput, test_decoding, weir'"
  fi
} >>"$sample"
