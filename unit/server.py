"""A server of a test's own, which it may stop and crash."""
import os
import pathlib
import subprocess
import time

import psycopg

TOP = pathlib.Path(__file__).resolve().parent.parent
SECONDS = 120

SCRIPT = '''set -eu
. scripts/functions
[ -n "${BIN:-}" ] || BIN=$(pg_config --bindir)
throwaway_begin client
server_start one "$@"
echo "$PGHOST"
while read -r action; do
  "${AS[@]}" "$BIN/pg_ctl" -D "$WORK/one/data" -l "$WORK/one/log" -w -t 60 $action >/dev/null
  echo done
done
'''


class Server:
    """Started with weir in database postgres; ends with the program, whatever becomes of it."""

    def __init__(self, *settings):
        self.process = subprocess.Popen(['bash', '-c', SCRIPT, 'server', *settings], cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.directory = self.process.stdout.readline().strip()
        if not self.directory:
            raise SystemExit('the server did not start')
        os.environ.update(PGHOST=self.directory, PGPORT='5432', PGUSER='postgres', PGDATABASE='postgres')
        with self.connect() as connection:
            connection.execute('CREATE EXTENSION weir')

    def connect(self, **parameters):
        return psycopg.connect(autocommit=True, **parameters)

    def do(self, action):
        """stop -m fast, stop -m immediate, start, reload: what pg_ctl takes."""
        self.process.stdin.write(action + '\n')
        self.process.stdin.flush()
        if self.process.stdout.readline() != 'done\n':
            raise SystemExit(f'pg_ctl {action} failed')

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def wait_for(what, condition):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit(f'never happened: {what}')
