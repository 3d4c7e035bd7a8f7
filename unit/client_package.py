"""clients/python as it is handed out: built, looked at, installed; and the programs that its pages show."""
import email
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import psycopg

from checks import check
from server import SECONDS, TOP, wait_for


def build(directory):
    """Builds sdist and wheel of clients/python in a copy of it and installs the wheel into directory/installed; returns both files and that."""
    source, built, installed = directory / 'source', directory / 'built', directory / 'installed'
    shutil.copytree(TOP / 'clients' / 'python', source, ignore=shutil.ignore_patterns('__pycache__'))
    built.mkdir()
    # As a front end calls it, without fetching the tool that builds: it is here.
    program = f'import flit_core.buildapi as b; print(b.build_sdist({str(built)!r})); print(b.build_wheel({str(built)!r}))'
    sdist, wheel = subprocess.run([sys.executable, '-c', program], cwd=source, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    subprocess.run([sys.executable, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--no-index', '--target', str(installed), str(built / wheel)], check=True)
    sys.path.insert(0, str(installed))
    os.environ['PYTHONPATH'] = str(installed)
    return built / sdist, built / wheel, installed


def package(sdist, wheel, installed):
    version = re.search(r"default_version = '(.*)'", (TOP / 'weir.control').read_text(encoding='utf-8'))[1]
    modules = {'weir/' + path.name for path in (TOP / 'clients/python/src/weir').iterdir() if path.is_file()}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f'weir_client-{version}.dist-info'
        meta = email.message_from_bytes(archive.read(f'{info}/METADATA'))
        check(modules <= names and 'weir/py.typed' in names and {name.split('/')[0] for name in names} == {'weir', info}, f'the wheel holds the package and nothing else: {names}')
        check((meta['Name'], meta['Version'], meta['License-Expression']) == ('weir-client', version, 'PostgreSQL'), f'its metadata: {meta.items()}')
        licence = archive.read(f'{info}/licenses/LICENSE')
    check(licence == (TOP / 'LICENSE').read_bytes(), 'the licence is in it, and it is that of weir')
    with tarfile.open(sdist) as archive:
        names = {name.split('/', 1)[1] for name in archive.getnames() if '/' in name}
        check({'pyproject.toml', 'README.md', 'LICENSE'} | {'src/' + name for name in modules} <= names, f'the source distribution: {names}')
    import weir
    check(weir.__version__ == version and pathlib.Path(weir.__file__).is_relative_to(installed), 'it is what is tested')


def run_python(page, code, until, environment):
    """A program that ends, or one that runs for good and is stopped when a query says that it has done its work."""
    with tempfile.TemporaryFile('w+') as out:
        program = subprocess.Popen([sys.executable, '-c', code], cwd=tempfile.gettempdir(), env=environment, stdout=out, stderr=out, text=True)
        if until:
            with psycopg.connect(dbname='page', autocommit=True) as database:
                wait_for(f'{page}: {until}', lambda: database.execute(until).fetchone()[0] or program.poll() is not None)
            check(program.poll() is None, f'{page}: it runs for good')
            program.terminate()
        status = program.wait(timeout=SECONDS)
        out.seek(0)
        text = out.read()
    check(status == (-signal.SIGTERM if until else 0) and 'Traceback' not in text, f'{page}: {code}: {text}')


def pages(connection):
    """Blocks marked so run as they stand, the SQL of the page before them, each page in a database of its own."""
    for page in ('docs/python.md', 'docs/how-to-retrain-python.md', 'clients/python/README.md'):
        text = (TOP / page).read_text(encoding='utf-8')
        steps = re.findall(r'^(?: *<!-- (run by unit/reference_client.py)(?: until (.*?))? -->\n)?( *)```(sql|python)\n(.*?)^ *```$', text, re.S | re.M)
        check(any(mark for mark, *_ in steps), f'{page} shows Python')
        connection.execute('CREATE DATABASE page')
        environment = {**os.environ, 'PGDATABASE': 'page'}
        with psycopg.connect(dbname='page', autocommit=True) as database:
            database.execute('CREATE EXTENSION weir')
        for mark, until, indent, language, code in steps:
            code = re.sub(f'^{indent}', '', code, flags=re.M).replace('dbname=app', 'dbname=page')
            if language == 'sql':
                done = subprocess.run(['psql', '-Xq', '-v', 'ON_ERROR_STOP=1'], input=code, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                check(done.returncode == 0, f'{page}: {code}: {done.stderr}')
            elif mark:
                run_python(page, code, until, environment)
        connection.execute('DROP DATABASE page WITH (FORCE)')
