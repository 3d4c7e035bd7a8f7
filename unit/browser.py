"""A headless Chromium for the tests of pages, driven by its own protocol over pipes: no port, no driver, nothing to wait for but answers."""
import json
import os
import shutil
import subprocess
import tempfile
import threading

SECONDS = 120               # that an answer may take on a machine that has much else to do
NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')


def find():
    """The program, or None. Where Ubuntu has only a stub that would install a snap, there is none."""
    for name in NAMES:
        path = shutil.which(name)
        if path and subprocess.run([path, '--version'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return path
    return None


class Browser:
    def __init__(self, program):
        self.directory = tempfile.TemporaryDirectory(prefix='weir-browser-', ignore_cleanup_errors=True)
        to_browser, self.writer = os.pipe()
        reader, from_browser = os.pipe()

        def pipes():            # the browser reads from 3 and writes to 4
            copies = os.dup(to_browser), os.dup(from_browser)
            os.dup2(copies[0], 3)
            os.dup2(copies[1], 4)

        self.process = subprocess.Popen(        # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
            [program, '--headless=new', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
             '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars', f'--user-data-dir={self.directory.name}', 'about:blank'],
            preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, 'HOME': self.directory.name})
        os.close(to_browser)
        os.close(from_browser)
        self.number = 0
        self.answers = {}
        self.events = []
        self.arrived = threading.Condition()
        self.ended = False
        threading.Thread(target=self.listen, args=(reader,), daemon=True).start()
        target = self.call('Target.createTarget', url='about:blank', session=None)['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True, session=None)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network', 'DOM'):
            self.call(f'{domain}.enable')

    def listen(self, reader):
        rest = b''
        while True:
            data = os.read(reader, 1 << 20)
            *messages, rest = (rest + data).split(b'\0')
            with self.arrived:
                for message in map(json.loads, messages):
                    if 'id' in message:
                        self.answers[message['id']] = message
                    else:
                        self.events.append(message)
                self.ended = not data
                self.arrived.notify_all()
            if not data:
                return

    def call(self, method, session='own', **parameters):
        with self.arrived:
            self.number += 1
            number = self.number
        message = {'id': number, 'method': method, 'params': parameters}
        if session is not None:
            message['sessionId'] = self.session
        data = json.dumps(message).encode() + b'\0'
        while data:
            data = data[os.write(self.writer, data):]
        with self.arrived:
            if not self.arrived.wait_for(lambda: number in self.answers or self.ended, SECONDS) or number not in self.answers:
                raise RuntimeError(f'the browser did not answer to {method}')
            answer = self.answers.pop(number)
        if 'error' in answer:
            raise RuntimeError(f'{method}: {answer["error"]}')
        return answer['result']

    def wait_for_event(self, method):
        with self.arrived:
            if not self.arrived.wait_for(lambda: any(event['method'] == method for event in self.events), SECONDS):
                raise RuntimeError(f'{method} did not happen')

    def open(self, url, width=1280, dark=False, script=True, media=''):
        """Opens the page as somebody with such a screen sees it, and forgets what happened before."""
        self.call('Emulation.setScriptExecutionDisabled', value=not script)
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.call('Emulation.setEmulatedMedia', media=media, features=[{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])
        with self.arrived:
            self.events.clear()
        self.call('Page.navigate', url=url)
        self.wait_for_event('Page.loadEventFired')

    def evaluate(self, expression):
        """The value of the expression, of a promise what it becomes; the page's own policy does not reach it."""
        result = self.call('Runtime.evaluate', expression=expression, awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(f'{expression[:200]}: {result["exceptionDetails"]}')
        return result['result'].get('value')

    def mouse(self, kind, x, y):
        self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='none' if kind == 'mouseMoved' else 'left', clickCount=0 if kind == 'mouseMoved' else 1)

    def click(self, x, y):
        for kind in ('mouseMoved', 'mousePressed', 'mouseReleased'):
            self.mouse(kind, x, y)

    def key(self, name, code):
        text = '\r' if name == 'Enter' else ''
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=name, code=name, windowsVirtualKeyCode=code, **({'text': text} if text and kind == 'keyDown' else {}))

    def happened(self, *methods):
        with self.arrived:
            return [event['params'] for event in self.events if event['method'] in methods]

    def close(self):
        try:
            self.call('Browser.close', session=None)
        except (RuntimeError, OSError):
            pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.writer)
        self.directory.cleanup()
