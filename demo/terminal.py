"""What the story needs of the terminal and of psql: colours where there is a terminal, a panel that stays below the text, a session."""
import os
import shutil
import subprocess
import sys
import tempfile

IS_TERMINAL = sys.stdout.isatty() and os.environ.get('TERM', 'dumb') != 'dumb'
HAS_COLOURS = IS_TERMINAL and 'NO_COLOR' not in os.environ


def style(code):
    return lambda text: f'\x1b[{code}m{text}\x1b[0m' if HAS_COLOURS else text


bold, dim, red, green, amber, blue = (style(code) for code in ('1', '2', '31', '32', '33', '36'))


class Screen:
    """Text that scrolls and, on a terminal, a panel below it that is drawn over and over."""

    def __init__(self):
        sys.stdout.reconfigure(encoding='utf-8', errors='replace')
        self.is_live = IS_TERMINAL and shutil.get_terminal_size().lines >= 24
        self.panel = []
        self.drawn = 0
        self.after_blank = False
        if self.is_live:
            self.write('\x1b[?25l')

    def write(self, text):
        sys.stdout.write(text)
        sys.stdout.flush()

    def erase(self):
        erase = f'\x1b[{self.drawn}F\x1b[J' if self.drawn else ''
        self.drawn = 0
        return erase

    def draw(self):
        """The panel, set off from the text; a line wider than the terminal must not wrap, or the cursor would be lost."""
        if not self.panel:
            return ''
        lines = self.panel if self.after_blank else ['', *self.panel]
        self.drawn = len(lines)
        return '\x1b[?7l' + self.text(lines) + '\x1b[?7h'

    @staticmethod
    def text(lines):
        return ''.join(line + '\n' for line in lines)

    def log(self, *lines):
        """Text above the panel; of blank lines that follow each other, one."""
        if self.after_blank and lines[0] == '':
            lines = lines[1:]
        if lines:
            erase = self.erase()
            self.after_blank = lines[-1] == ''
            self.write(erase + self.text(lines) + self.draw())

    def live(self, panel):
        if self.is_live:
            self.panel = panel
            self.write(self.erase() + self.draw())

    def keep(self, panel):
        """The panel as it is now becomes part of the text."""
        self.panel = []
        self.log('', *panel, '')

    def close(self):
        if self.is_live:
            self.is_live = False
            self.write('\x1b[?25h\x1b[?7h')


class Lost(Exception):
    """The server is gone, or was."""


class Database:
    """A session of psql that is kept open, and opened again after its server went away."""
    SEPARATOR = '\x1f'
    END = '-- end of answer --'
    SIGNS_OF_LOSS = ('FATAL:', 'PANIC:', 'server closed the connection', 'connection to server')

    def __init__(self, directory):
        self.directory = directory
        self.process = None
        self.errors = None

    def query(self, sql):
        """The rows of all statements, as tuples of texts. RuntimeError for an error of a statement, Lost when the connection broke."""
        if self.process is None:
            self.errors = tempfile.TemporaryFile('w+', encoding='utf-8')
            self.process = subprocess.Popen(
                ['psql', '-X', '-q', '-A', '-t', '-F', self.SEPARATOR, '-h', self.directory, '-U', 'postgres', '-d', 'postgres',
                 '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=terse', '-f', '-'],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, encoding='utf-8',
                env={**os.environ, 'PGOPTIONS': '-c client_min_messages=warning', 'LC_ALL': 'C.UTF-8'})
        try:
            self.process.stdin.write(f'{sql}\n;\n\\echo {self.END}\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass                # psql has ended: the end of its output says so, too
        lines = []
        for line in self.process.stdout:
            if line == f'{self.END}\n':
                return [tuple(row.split(self.SEPARATOR)) for row in lines]
            lines.append(line.rstrip('\n'))
        self.process.wait()
        self.errors.seek(0)
        message = self.errors.read().strip()
        self.forget()
        if 'ERROR:' in message and not any(sign in message for sign in self.SIGNS_OF_LOSS):
            raise RuntimeError(f'{message} in: {sql}')
        raise Lost(message)

    def forget(self):
        self.process.stdout.close()
        self.errors.close()
        self.process = None
