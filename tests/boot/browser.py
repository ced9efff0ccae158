# SPDX-License-Identifier: GPL-2.0-only
"""Debian's Chromium without a window, driven over WebDriver, with nothing but Python.

Nothing here sleeps: what is waited for is a condition in the page, looked at
with every frame, and after BOUND seconds it is an error.
"""

import base64
import json
import os
import re
import shutil
import struct
import subprocess
import urllib.error
import urllib.request
import zlib

BOUND = 30
ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'
KEYS = {'Control': '\ue009', 'Enter': '\ue007', 'Escape': '\ue00c', 'Left': '\ue012', 'Right': '\ue014'}
FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync',
         '--hide-scrollbars', '--force-device-scale-factor=1']


def is_installed():
    return all(shutil.which(name) for name in ('chromium', 'chromedriver'))


class BrowserError(Exception):
    """What WebDriver says is wrong."""


class Browser:
    """One Chromium with its own profile in FOLDER, which must be there."""

    def __init__(self, folder, size=(1500, 1250), flags=()):
        home = os.path.join(folder, 'home')
        os.makedirs(home, exist_ok=True)
        env = dict(os.environ, HOME=home, XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home, TMPDIR=home)
        self.session = None
        self.driver = subprocess.Popen(['chromedriver', '--port=0'], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, env=env)
        try:
            for line in self.driver.stdout:
                found = re.search(r'started successfully on port (\d+)', line)
                if found:
                    break
            else:
                raise BrowserError('chromedriver did not start')
            self.base = 'http://127.0.0.1:%s' % found.group(1)
            profile = os.path.join(folder, 'profile')
            arguments = [*FLAGS, *flags, '--user-data-dir=' + profile, '--window-size=%d,%d' % size]
            self.session = self.call('POST', '/session', {'capabilities': {'alwaysMatch': {
                'browserName': 'chrome',
                'timeouts': {'script': BOUND * 1000, 'pageLoad': BOUND * 1000},
                'goog:chromeOptions': {'args': arguments},
                'goog:loggingPrefs': {'browser': 'ALL', 'performance': 'ALL'}}}})['sessionId']
            # the browser's own first page asks for parts of itself
            self.leave()
        except Exception:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.session:
            try:
                self.call('DELETE', '')
            except (BrowserError, OSError):
                pass
        self.session = None
        self.driver.terminate()
        self.driver.wait()
        self.driver.stdout.close()

    def call(self, method, path, body=None):
        place = self.base + ('/session/' + self.session if self.session else '') + path
        request = urllib.request.Request(
            place, method=method, data=json.dumps(body).encode() if body is not None else None,
            headers={'Content-Type': 'application/json'})
        # the driver is on this host, whatever proxy the environment names
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=4 * BOUND) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            found = json.load(error)['value']
            raise BrowserError('%s: %s' % (found['error'], found['message'].splitlines()[0])) from None

    def leave(self):
        """An empty page; what was logged before is forgotten."""
        self.call('POST', '/url', {'url': 'about:blank'})
        self.log('performance')
        self.log()

    def open(self, path):
        """A file; it is there when the page says that it is ready."""
        self.call('POST', '/url', {'url': 'file://' + path})
        self.until('document.documentElement.dataset.ready')

    def run(self, script, *args):
        """What SCRIPT (statements) returns."""
        return self.call('POST', '/execute/sync', {'script': script, 'args': list(args)})

    def value(self, expression, *args):
        return self.run('return %s;' % expression, *args)

    def until(self, expression):
        """Wait until EXPRESSION is true in the page, and for two frames more."""
        script = '''
            const done = arguments[arguments.length - 1];
            const look = () => {
                const found = %s;
                if (found)
                    requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
                else
                    requestAnimationFrame(look);
            };
            look();''' % expression
        try:
            self.call('POST', '/execute/async', {'script': script, 'args': []})
        except BrowserError as error:
            raise BrowserError('waited for %s: %s' % (expression, error)) from None

    def frames(self):
        """Wait until what was asked for is drawn."""
        self.until('true')

    def element(self, selector):
        return self.call('POST', '/element', {'using': 'css selector', 'value': selector})

    def click(self, selector):
        self.call('POST', '/element/%s/click' % self.element(selector)[ELEMENT], {})

    def type(self, selector, text):
        self.call('POST', '/element/%s/value' % self.element(selector)[ELEMENT], {'text': text})

    def clear(self, selector):
        self.call('POST', '/element/%s/clear' % self.element(selector)[ELEMENT], {})

    def act(self, *sources):
        """Input as the WebDriver standard has it, a source each."""
        self.call('POST', '/actions', {'actions': list(sources)})
        self.call('DELETE', '/actions')

    def mouse(self, *steps):
        """STEPS: ('move', x, y), 'down', 'up'."""
        self.act(pointer('mouse', 'mouse', steps))

    def wheel(self, x, y, dy, key=None):
        down = [{'type': 'keyDown', 'value': KEYS[key]}, {'type': 'pause'}] if key else []
        scroll = {'type': 'scroll', 'x': int(x), 'y': int(y), 'deltaX': 0, 'deltaY': dy, 'duration': 0,
                  'origin': 'viewport'}
        self.act({'type': 'key', 'id': 'key', 'actions': down},
                 {'type': 'wheel', 'id': 'wheel', 'actions': ([{'type': 'pause'}] if key else []) + [scroll]})

    def press(self, *keys):
        actions = []
        for key in keys:
            actions += [{'type': 'keyDown', 'value': KEYS.get(key, key)}, {'type': 'keyUp', 'value': KEYS.get(key, key)}]
        self.act({'type': 'key', 'id': 'key', 'actions': actions})

    def devtools(self, command, **parameters):
        return self.call('POST', '/goog/cdp/execute', {'cmd': command, 'params': parameters})

    def log(self, kind='browser'):
        return self.call('POST', '/se/log', {'type': kind})

    def requests(self):
        """Every address that was asked for since the last time."""
        found = []
        for entry in self.log('performance'):
            message = json.loads(entry['message'])['message']
            if message['method'] == 'Network.requestWillBeSent':
                found.append(message['params']['request']['url'])
            elif message['method'] in ('Network.webSocketCreated', 'Network.webTransportCreated'):
                found.append(message['params']['url'])
        return found

    def picture(self, x, y, width, height):
        """What is seen in a part of the window: rows of (red, green, blue)."""
        clip = {'x': x, 'y': y, 'width': width, 'height': height, 'scale': 1}
        scroll = self.value('[scrollX, scrollY]')
        clip['x'] += scroll[0]
        clip['y'] += scroll[1]
        data = self.devtools('Page.captureScreenshot', format='png', clip=clip)['data']
        return decode_png(base64.b64decode(data))

    def screenshot(self, path):
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self.call('GET', '/screenshot')))


def pointer(name, kind, steps):
    """A source of actions: a mouse or a finger."""
    actions = []
    for step in steps:
        if step == 'down':
            actions.append({'type': 'pointerDown', 'button': 0})
        elif step == 'up':
            actions.append({'type': 'pointerUp', 'button': 0})
        else:
            actions.append({'type': 'pointerMove', 'duration': 0, 'x': int(step[1]), 'y': int(step[2])})
    return {'type': 'pointer', 'id': name, 'parameters': {'pointerType': kind}, 'actions': actions}


def decode_png(data):
    """PNG of 8 bits a channel, not interlaced, as rows of (red, green, blue)."""
    at, packed, head = 8, b'', None
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            head = struct.unpack('>IIBBBBB', body)
        elif kind == b'IDAT':
            packed += body
        at += size + 12
    width, height, depth, color = head[:4]
    if depth != 8 or color not in (2, 6) or head[6]:
        raise ValueError('a PNG of another kind: %r' % (head,))
    step = 3 if color == 2 else 4
    raw, stride = zlib.decompress(packed), width * step
    before, rows = bytearray(stride), []
    for y in range(height):
        kind = raw[y * (stride + 1)]
        line = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride if kind else 0):
            left = line[x - step] if x >= step else 0
            up = before[x]
            corner = before[x - step] if x >= step else 0
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = up
            elif kind == 3:
                guess = (left + up) // 2
            else:
                a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
                guess = left if a <= b and a <= c else up if b <= c else corner
            line[x] = (line[x] + guess) & 255
        rows.append([tuple(line[x:x + 3]) for x in range(0, stride, step)])
        before = line
    return rows


def colors(rows):
    """How many pixels each colour has."""
    found = {}
    for row in rows:
        for pixel in row:
            found[pixel] = found.get(pixel, 0) + 1
    return found
