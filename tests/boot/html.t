#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1200
"""The page of a boot report in Debian's Chromium: it is clicked through, its
screenshots are looked at, and nothing that a report says makes it ask for
anything or run anything."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))
sys.path.insert(0, os.path.join(TOP, 'tests', 'boot'))

import browser as chromium  # noqa: E402 pylint: disable=wrong-import-position
import sample  # noqa: E402 pylint: disable=wrong-import-position
import systemd  # noqa: E402 pylint: disable=wrong-import-position
import tap as tap_lib  # noqa: E402 pylint: disable=wrong-import-position
import vm  # noqa: E402 pylint: disable=wrong-import-position

RENDER = os.path.join(TOP, 'build', 'host', 'tests', 'boot', 'render')
HOSTILE = ('</script></title></style><!--<script>window.hit = 1; alert(1)</script>'
           '<img src="%s/image" onerror="window.hit = 1"><iframe src="%s/frame"></iframe>'
           '<link rel="stylesheet" href="%s/style">"\' url(%s/css) &lt;b&gt; \u2028\u2029 javascript:alert(1)')
LANES = 'views.boot.timeline'

scratch = tempfile.TemporaryDirectory(prefix='hypertrace-html-')


def render(report, name='page.html'):
    """The page of REPORT (an object, or bytes): (path, exit code, messages)."""
    source, path = os.path.join(scratch.name, 'report.json'), os.path.join(scratch.name, name)
    with open(source, 'wb') as file:
        file.write(report if isinstance(report, bytes) else json.dumps(report, ensure_ascii=False).encode())
    done = subprocess.run([RENDER, source, path], capture_output=True, text=True, check=False)
    return path, done.returncode, done.stderr


def rgb(web, name):
    """A colour of the page, by the name of its variable."""
    text = web.value('getComputedStyle(document.documentElement).getPropertyValue(arguments[0]).trim()', '--' + name)
    return tuple(int(text[at:at + 2], 16) for at in (1, 3, 5))


def range_of(web):
    """What the timeline shows, once that is drawn."""
    web.frames()
    return tuple(web.value('[+{0}.node.dataset.from, +{0}.node.dataset.to]'.format(LANES)))


def row_box(web, group, index=0):
    """Where a row of the lanes is in the window: x, y, width, height, without the gutter."""
    return web.run('''
        const timeline = %s;
        const rows = timeline.rows.filter((row) => row.group.id === arguments[0] && row.style !== 'head');
        const row = rows[arguments[1]];
        if (row.y < timeline.lanes.scrollTop || row.y + row.height > timeline.lanes.scrollTop + timeline.lanes.clientHeight)
            timeline.lanes.scrollTop = row.y - 60;
        const box = timeline.canvas.getBoundingClientRect();
        return [box.left + GUTTER, box.top + row.y - timeline.lanes.scrollTop, timeline.plot, row.height];
        ''' % LANES, group, index)


def look(web, group, index=0):
    """The colours of a row of the lanes, and how many pixels each has."""
    box = row_box(web, group, index)
    web.frames()
    return chromium.colors(web.picture(*box))


def show_all(web):
    web.click('#spans-boot .tools .joined button:last-child')
    web.frames()


def column(web, panel, at):
    """A column of a table, as it is read."""
    return web.run('return [...document.querySelectorAll(arguments[0] + " tbody tr")].map('
                   '(row) => row.children[arguments[1]].textContent);', panel, at)


def milliseconds(text):
    return float(text.replace('\u202f', ''))


# ---- the file ----

def test_file(tap):
    """What is written, without a browser."""
    text = HOSTILE.replace('%s', 'http://127.0.0.1:1')
    path, code, said = render({'format': 'hypertrace-boot', 'version': 1, 'hostile': text})
    tap.equal((code, said), (0, ''), 'a page is written')
    with open(path, encoding='utf-8') as file:
        page = file.read()
    inside = page.split('id="report">')[1].split('</script>')[0]
    tap.equal(json.loads(inside)['hostile'], text, 'its report is the one that was given')
    tap.ok(not set(inside) & set('<>&\u2028\u2029'), 'no character of the report means anything in HTML', inside)
    tap.equal(page.lower().count('</script'), 2, 'the page has two scripts, the report and its own')
    own = page.replace(inside, '')
    tap.ok('://' not in own, 'the page names no address')
    tap.ok("default-src 'none'" in own and 'unsafe' not in own, 'its policy allows no request')
    for word in ('innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval(', 'new Function'):
        tap.ok(word not in own, 'its script has no %s' % word)

    before = os.stat(path)
    path, code, said = render(b'{"format": "\xff"}')
    tap.equal(code, 5, 'a report that is not UTF-8 is refused')
    tap.ok('not UTF-8' in said, 'and it says why', said)
    tap.equal(os.stat(path).st_ino, before.st_ino, 'the page that was there stays')
    path, code, said = render({}, 'none/page.html')
    tap.equal(code, 1, 'a page that cannot be written is an error')
    tap.ok('cannot write page' in said and 'none/page.html' in said, 'it says which', said)
    fifo = os.path.join(scratch.name, 'fifo')
    os.mkfifo(fifo)
    path, code, said = render({}, 'fifo')
    tap.equal(code, 1, 'what is not a file is not replaced')
    tap.ok('not a regular file' in said, 'and it says why', said)
    tap.equal([name for name in os.listdir(scratch.name) if name.startswith(('page.html.', '.goutput'))], [],
              'nothing is left behind')


# ---- the page ----

def check_head(tap, web, report):
    boot = report['boot']
    tap.equal(web.value('document.title'), 'web-1: boot report', 'the title names the VM')
    head = web.value('document.querySelector("header").innerText')
    tap.ok('6.12.48+deb13-amd64' in head and 'multi-user.target' in head, 'kernel and marker are in the header', head)
    tap.equal(web.value('document.querySelector("header .total dd").textContent'),
              '%.2f\u00a0s' % (boot['duration_ns'] / 1e9), 'so is the total')
    tap.equal(web.value('document.querySelector(".warnings").innerText'), report['warnings'][0], 'and the warnings')
    drawn = [one for one in boot['phases'] if one['end'] > one['start']]
    widths = web.run('return [...document.querySelectorAll(".bar.phases button")].map('
                     '(one) => one.getBoundingClientRect().width);')
    total = web.value('document.querySelector(".bar.phases").getBoundingClientRect().width')
    off = [abs(width / total - (one['end'] - one['start']) / boot['duration_ns'])
           for width, one in zip(widths, drawn)]
    tap.ok(len(widths) == len(drawn) and max(off) < 0.002, 'each phase is as wide as it is long', off)
    causes = web.run('return [...document.querySelectorAll("#spans-boot .causes li")].map('
                     '(one) => one.children[0].children[1].textContent);')
    tap.equal(causes, [one['text'] for one in boot['causes'][:8]], 'the first causes are named')


def check_picture(tap, web, report):
    """What is seen is what the report says."""
    boot = report['boot']
    found = look(web, 'phases')
    groups = {one['group'] for one in boot['phases'] if one['end'] - one['start'] > boot['duration_ns'] / 100}
    for name in sorted(groups):
        tap.ok(found.get(rgb(web, 'group-' + name), 0) > 50, 'phases: %s is drawn in its colour' % name, found)
    found = look(web, 'chain')
    for name in ('running', 'disk', 'timer'):
        tap.ok(found.get(rgb(web, 'state-' + name), 0) > 50, 'critical chain: %s is drawn' % name)

    tasks = [rgb(web, 'task-%d' % n) for n in range(10)]
    for vcpu in range(len(boot['vcpus'])):
        found = look(web, 'vcpus', vcpu)
        seen = sum(found.get(one, 0) > 5 for one in tasks)
        tap.ok(seen >= 5 and found.get(rgb(web, 'state-idle'), 0) > 50,
               'vCPU %d: tasks and idle time are drawn' % vcpu, found)
    x, y, width, height = row_box(web, 'vcpus')
    begin = boot['vcpus'][0]['slices'][0][0] / boot['duration_ns']
    rows = web.picture(x, y, int(width * begin) - 3, height)
    tap.ok(not set(chromium.colors(rows)) & set(tasks), 'no task runs before there is one')
    for group, color in (('initcalls', 'initcall'), ('units', 'unit')):
        found = look(web, group)
        tap.ok(len(found) > 2 and found.get(rgb(web, color), 0) > 10, '%s are drawn' % group, found)
    tap.ok(len(look(web, 'processes')) > 20, 'processes are drawn')


def check_moves(tap, web, report):
    """Zoom and pan, by mouse, keyboard and fingers."""
    whole = (0, report['boot']['duration_ns'])
    show_all(web)
    tap.equal(range_of(web), whole, 'all of the boot is shown first')
    before = look(web, 'vcpus')
    x, y, width, _ = row_box(web, 'vcpus')
    middle = x + width / 2

    web.wheel(middle, y + 5, -400, 'Control')
    zoomed = range_of(web)
    tap.ok(0 < zoomed[0] < zoomed[1] < whole[1], 'Control and the wheel zoom', zoomed)
    center = whole[1] / 2
    tap.ok(abs((center - zoomed[0]) / (zoomed[1] - zoomed[0]) - 0.5) < 0.01, 'at the pointer', zoomed)
    tap.ok(look(web, 'vcpus') != before, 'and it is another picture')

    web.mouse(('move', middle, y + 5), 'down', ('move', middle + 100, y + 5), 'up')
    moved = range_of(web)
    tap.ok(moved[0] < zoomed[0] and abs((moved[1] - moved[0]) - (zoomed[1] - zoomed[0])) < 2, 'a drag moves', moved)
    by = (zoomed[0] - moved[0]) / (zoomed[1] - zoomed[0]) * width
    tap.ok(abs(by - 100) < 1, 'as far as it was dragged', by)

    web.run('%s.lanes.focus()' % LANES)
    web.press('Right')
    tap.ok(range_of(web)[0] > moved[0], 'arrow keys move')
    web.press('+')
    now = range_of(web)
    tap.ok(now[1] - now[0] < moved[1] - moved[0], 'plus zooms')
    web.press('0')
    tap.equal(range_of(web), whole, '0 shows all')

    y = row_box(web, 'phases')[1] + 5
    finger = [chromium.pointer('finger %d' % side, 'touch',
                               [('move', middle + side * 60, y), 'down', ('move', middle + side * 150, y), 'up'])
              for side in (-1, 1)]
    web.act(*finger)
    now = range_of(web)
    tap.ok(abs((now[1] - now[0]) / whole[1] - 60 / 150) < 0.05, 'two fingers zoom by what they move apart', now)

    show_all(web)
    box = web.run('const box = document.querySelector("#spans-boot canvas.axis").getBoundingClientRect();'
                  'return [box.left + GUTTER, box.top];')
    web.mouse(('move', box[0] + width / 4, box[1] + 8), 'down', ('move', box[0] + width / 2, box[1] + 8), 'up')
    now = range_of(web)
    tap.ok(abs(now[0] / whole[1] - 0.25) < 0.01 and abs(now[1] / whole[1] - 0.5) < 0.01,
           'a drag on the axis zooms to that', now)
    web.run('%s.setRange(1e15, 2e15)' % LANES)
    now = range_of(web)
    tap.ok(0 <= now[0] < now[1] <= whole[1], 'nothing leads out of the boot', now)
    show_all(web)


def check_selection(tap, web, report):
    """A click shows what is known, from the lanes and from each table."""
    boot = report['boot']
    show_all(web)
    firmware = next(one for one in boot['phases'] if one['id'] == 'firmware')
    x, y, width, _ = row_box(web, 'phases')
    at = x + (firmware['start'] + firmware['end']) / 2 / boot['duration_ns'] * width
    web.mouse(('move', at, y + 6))
    web.until('!document.getElementById("tip").hidden')
    tap.ok('firmware' in web.value('document.getElementById("tip").innerText'), 'what is under the mouse is named')
    web.mouse(('move', at, y + 6), 'down', 'up')
    web.frames()
    detail = web.value('document.querySelector("#spans-boot .detail").innerText')
    tap.ok('firmware' in detail and '%.0f\u00a0ms' % (firmware['duration_ns'] / 1e6) in detail,
           'a click shows its details', detail)
    web.mouse(('move', x - 60, row_box(web, 'vcpus')[1] - 8), 'down', 'up')
    tap.equal(web.value('document.querySelector("[data-group=vcpus]").getAttribute("aria-pressed")'), 'false',
              'a click on a heading closes its lanes')
    web.click('[data-group=vcpus]')
    tap.equal(web.value('document.querySelector("[data-group=vcpus]").getAttribute("aria-pressed")'), 'true',
              'and the button opens them')

    web.click('#tab-boot-chain')
    link = max(boot['chain'], key=lambda one: (one['state'] == 'disk', one['end'] - one['start']))
    index = boot['chain'].index(link)
    web.run('document.querySelectorAll("#details-boot-chain tbody tr")[arguments[0]].querySelector("button").click()', index)
    now = range_of(web)
    tap.ok(now[0] <= link['start'] and link['end'] <= now[1] and now[1] - now[0] < 2 * (link['end'] - link['start']),
           'a piece of the critical chain takes the timeline there', (now, link))
    found = look(web, 'chain')
    tap.ok(found.get(rgb(web, 'state-disk'), 0) > 0.5 * sum(found.values()), 'where it fills the lane', found)
    detail = web.value('document.querySelector("#spans-boot .detail").innerText')
    tap.ok('waits for a disk' in detail, 'and its details are shown', detail)
    tap.ok(web.value('document.querySelectorAll("#details-boot-chain tr.selected").length === 1'), 'its row is marked')

    web.click('#spans-boot .causes button')
    cause, now = boot['causes'][0], range_of(web)
    tap.ok(now[0] <= cause['start'] and cause['end'] <= now[1], 'so does a cause', now)
    show_all(web)


def check_find(tap, web):
    """What is not looked for is made faint."""
    task = sample.COMMS[0]
    color = rgb(web, web.value('taskColor(arguments[0])', task))
    others = [rgb(web, 'task-%d' % n) for n in range(10)]
    before = look(web, 'vcpus')
    web.type('#spans-boot .tools input', task.upper())
    found = look(web, 'vcpus')
    tap.ok(found.get(color, 0) > 20, 'find: the tasks of that name stay', found)
    tap.ok(sum(found.get(one, 0) for one in others if one != color) <
           0.3 * sum(before.get(one, 0) for one in others if one != color), 'find: others become faint')
    web.run('const input = document.querySelector("#spans-boot .tools input"); input.value = "";'
            'input.dispatchEvent(new Event("input"));')
    tap.equal(look(web, 'vcpus'), before, 'and all come back')


def check_tables(tap, web, report):
    boot = report['boot']
    web.click('#tab-boot-initcalls')
    web.until('!document.getElementById("details-boot-initcalls").hidden')
    tap.ok(web.value('document.getElementById("details-boot-chain").hidden'), 'one table is shown at a time')
    longest = sorted((one['duration_ns'] for one in boot['initcalls']), reverse=True)
    shown = [milliseconds(one) for one in column(web, '#details-boot-initcalls', 1)]
    tap.ok(len(shown) == 200 and all(abs(a - b / 1e6) < 0.001 for a, b in zip(shown, longest)),
           'initcalls: the longest come first', shown[:5])
    web.click('#details-boot-initcalls th:nth-child(1) button')
    names = column(web, '#details-boot-initcalls', 0)
    tap.equal(names[0], min(one['function'] for one in boot['initcalls']), 'a click on a heading sorts by it')
    tap.equal(web.value('document.querySelector("#details-boot-initcalls th").getAttribute("aria-sort")'), 'ascending',
              'which is also said to who does not see it')
    web.click('#details-boot-initcalls th:nth-child(1) button')
    tap.equal(column(web, '#details-boot-initcalls', 0)[0], max(one['function'] for one in boot['initcalls']),
              'another click turns it round')
    web.type('#details-boot-initcalls input', 'SLOW_init')
    web.until('document.querySelectorAll("#details-boot-initcalls tbody tr").length === 1')
    tap.equal(column(web, '#details-boot-initcalls', 0), ['slow_init'], 'the filter leaves what it names')
    web.click('#details-boot-initcalls tbody tr td:nth-child(4)')
    slow, now = next(one for one in boot['initcalls'] if one['function'] == 'slow_init'), range_of(web)
    tap.ok(now[0] <= slow['start'] and slow['end'] <= now[1] and now[1] - now[0] < 2 * slow['duration_ns'],
           'a click on a row takes the timeline there', now)
    web.run('const input = document.querySelector("#details-boot-initcalls input"); input.value = "";'
            'input.dispatchEvent(new Event("input"));')
    web.type('#details-boot-initcalls input[type=number]', '2.5')
    shown = len([one for one in longest if one >= 2500000])
    web.until('document.querySelectorAll("#details-boot-initcalls tbody tr").length === %d' % shown)
    tap.ok(0 < shown < 200, 'short ones can be left out', shown)
    web.run('const input = document.querySelector("#details-boot-initcalls input[type=number]"); input.value = "";'
            'input.dispatchEvent(new Event("input"));')
    web.click('#details-boot-initcalls .more')
    tap.equal(web.value('document.querySelectorAll("#details-boot-initcalls tbody tr").length'), len(boot['initcalls']),
              'all can be shown')

    for tab, rows in (('phases', len(boot['phases'])), ('units', len(boot['units'])),
                      ('processes', min(200, len(boot['processes']))), ('waits', 200), ('marks', len(boot['marks']))):
        web.click('#tab-boot-' + tab)
        tap.equal(web.value('document.querySelectorAll("#details-boot-%s tbody tr").length' % tab), rows,
                  'the table of %s is filled' % tab)
        web.click('#details-boot-%s th:nth-child(2) button' % tab)
        web.click('#details-boot-%s tbody tr' % tab)
        web.frames()
    web.click('#tab-boot-about')
    tap.ok(report['meta']['command_line'] in web.value('document.getElementById("details-boot-about").innerText'),
           'the command line is told')
    show_all(web)


def check_functions(tap, web, report):
    functions = report['boot']['functions']
    web.click('#tab-boot-functions')
    web.until('document.querySelector(".flame canvas") && views.boot.flame.boxes')
    boxes = web.value('views.boot.flame.boxes.flat().length')
    tap.ok(boxes > 100, 'the flame graph has boxes', boxes)
    box = web.run('document.querySelector(".flame").scrollIntoView({block: "center"});'
                  'const box = document.querySelector(".flame canvas").getBoundingClientRect();'
                  'return [box.left, box.top, box.width, Math.min(box.height, 200)];')
    web.frames()
    flames = {rgb(web, 'flame-%d' % n) for n in range(6)}
    before = chromium.colors(web.picture(*box))
    tap.ok(len(flames & set(before)) >= 4, 'in the colours of flames')
    first = max(functions['tree']['children'], key=lambda one: one['value'])
    web.mouse(('move', box[0] + 20, box[1] + 18 + 9), 'down', 'up')
    web.frames()
    tap.equal(web.value('document.querySelector("[data-zoomed]").dataset.zoomed'), first['name'],
              'a click zooms to a function')
    tap.ok(chromium.colors(web.picture(*box)) != before, 'and it is another picture')
    tap.ok(rgb(web, 'hit') not in chromium.colors(web.picture(*box)), 'nothing is marked')
    web.type('input[aria-label="Search functions"]', 'acpi_')
    web.frames()
    web.run('views.boot.flame.zoom(views.boot.flame.root)')
    web.frames()
    tap.ok(rgb(web, 'hit') in chromium.colors(web.picture(*box)), 'what is searched for is marked')
    web.run('document.querySelector(".flame").focus()')
    web.press('Escape')
    web.frames()
    tap.equal(web.value('document.querySelector("[data-zoomed]").dataset.zoomed'), 'all', 'Escape shows all')
    tap.equal(column(web, '#details-boot-functions', 0)[0], max(functions['list'], key=lambda one: one['self_ns'])['name'],
              'the function with the most time of its own comes first')


def check_shutdown(tap, web, report):
    shutdown = report['shutdown']
    web.run('scrollTo(0, 0)')
    web.click('#tab-shutdown')
    web.until('views.shutdown && views.shutdown.timeline.node.dataset.to')
    tap.ok(web.value('document.getElementById("spans-boot").hidden'), 'the shutdown takes the place of the boot')
    tap.equal(web.run('const node = views.shutdown.timeline.node;'
                      'return [+node.dataset.from, +node.dataset.to];'),
              [shutdown['start'], shutdown['end']], 'its timeline is its own')
    tap.equal(web.value('document.querySelectorAll("#spans-shutdown .bar.phases button").length'),
              len(shutdown['phases']), 'so are its phases')
    box = web.run('const box = views.shutdown.timeline.canvas.getBoundingClientRect();'
                  'return [box.left + GUTTER, box.top + HEAD, views.shutdown.timeline.plot, ROW];')
    found = chromium.colors(web.picture(*box))
    tap.ok(found.get(rgb(web, 'group-shutdown'), 0) > 0.5 * sum(found.values()), 'and they are drawn', found)
    web.click('#tab-boot')
    tap.ok(not web.value('document.getElementById("spans-boot").hidden'), 'and back')


def check_dark(tap, web):
    web.run('scrollTo(0, 0)')
    light = chromium.colors(web.picture(0, 0, 12, 12))
    web.devtools('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'dark'}])
    web.until('matchMedia("(prefers-color-scheme: dark)").matches')
    web.frames()
    dark = chromium.colors(web.picture(0, 0, 12, 12))
    tap.ok(sum(max(light)) > 700 and sum(max(dark)) < 150, 'who likes it dark gets it dark', (light, dark))
    found = look(web, 'phases')
    tap.ok(found.get(rgb(web, 'group-kernel'), 0) > 50 and rgb(web, 'group-kernel') != (0x4a, 0x5a, 0xa8),
           'the timeline too', found)
    web.devtools('Emulation.setEmulatedMedia', features=[])
    pages = web.devtools('Page.printToPDF')['data']
    tap.ok(len(pages) > 20000, 'it can be printed', len(pages))


def test_page(tap):
    report = sample.report()
    path, code, said = render(report)
    tap.equal((code, said), (0, ''), 'the page is written')
    with tempfile.TemporaryDirectory(dir=scratch.name) as folder, chromium.Browser(folder) as web:
        web.open(path)
        check_head(tap, web, report)
        check_picture(tap, web, report)
        check_moves(tap, web, report)
        check_selection(tap, web, report)
        check_find(tap, web)
        check_tables(tap, web, report)
        check_functions(tap, web, report)
        check_shutdown(tap, web, report)
        check_dark(tap, web)
        tap.equal(web.requests(), ['file://' + path], 'the only request was for the page')
        tap.equal([one['message'] for one in web.log()], [], 'the page has no complaint')


# ---- what a report must not do ----

class Listener:
    """A socket of this host; who calls is counted, and gets no answer."""

    def __enter__(self):
        self.callers = 0
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.address = 'http://127.0.0.1:%d' % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def serve(self):
        while True:
            try:
                caller = self.socket.accept()[0]
            except OSError:
                return
            self.callers += 1
            caller.close()


def test_hostile(tap):
    """A guest whose every name is markup."""
    with Listener() as listener, \
            tempfile.TemporaryDirectory(dir=scratch.name) as folder, chromium.Browser(folder) as web:
        address = listener.address
        control = os.path.join(scratch.name, 'control.html')
        with open(control, 'w', encoding='utf-8') as file:
            file.write('<!DOCTYPE html><img src="%s/control" onerror="document.documentElement.dataset.ready = 1">'
                       % address)
        web.open(control)
        tap.ok(listener.callers > 0, 'a request of a page would be seen: by the socket')
        tap.ok(address + '/control' in web.requests(), 'and in the log')
        web.leave()
        listener.callers = 0

        text = HOSTILE.replace('%s', address)
        report = sample.spoil(sample.report(2), text)
        path, code, said = render(report, 'hostile.html')
        tap.equal((code, said), (0, ''), 'a page of a hostile report is written')
        web.open(path)
        tap.ok(web.value('document.querySelector("h1").textContent').startswith('</script></title>'),
               'its texts are shown as text')
        for span in ('boot', 'shutdown'):
            web.click('#tab-' + span)
            for tab in ('phases', 'chain', 'initcalls', 'units', 'processes', 'waits', 'marks', 'functions', 'about'):
                web.click('#tab-%s-%s' % (span, tab))
                web.run('const row = [...document.querySelectorAll("#spans-%s tbody tr")].at(-1); if (row) row.click();'
                        % span)
                web.frames()
            web.run('views.%s.timeline.zoom(0.01)' % span)
            web.frames()
            box = web.run('const box = views.%s.timeline.lanes.getBoundingClientRect();'
                          'return [box.left, box.top];' % span)
            web.mouse(*[('move', box[0] + 400, box[1] + at) for at in range(10, 300, 20)])
        tap.equal(web.value('document.querySelectorAll("img, iframe, link, svg, object, embed, form, base, a").length'), 0,
                  'none of them became an element')
        tap.equal(web.value('[document.scripts.length, document.styleSheets.length]'), [2, 1],
                  'the scripts and the style are ours')
        tap.ok(web.value('window.hit === undefined'), 'none of them was run')
        tap.equal(web.requests(), ['file://' + path], 'the only request was for the page')
        tap.equal(listener.callers, 0, 'nobody called')
        tap.equal([one['message'] for one in web.log()], [], 'the page has no complaint')

        # the policy alone: what a script puts there in spite of all
        web.run('const image = document.createElement("img"); image.src = arguments[0];'
                'image.onerror = () => { window.refused = true; }; document.body.append(image);', address + '/policy')
        web.until('window.refused')
        tap.equal(listener.callers, 0, 'even an image that got into the page is not asked for')


def test_others(tap):
    """Reports that are not, and those with little in them."""
    with tempfile.TemporaryDirectory(dir=scratch.name) as folder, chromium.Browser(folder) as web:
        for what, report, want in (
                ('a damaged report', b'{"format": ', 'damaged'),
                ('another format', {'format': 'x', 'version': 1}, 'not one'),
                ('another version', {'format': 'hypertrace-boot', 'version': 2}, 'does not know: 2'),
                ('no report', b'null', 'not one')):
            web.open(render(report)[0])
            said = web.value('document.getElementById("page").innerText')
            tap.ok(want in said, '%s is refused' % what, said)
            web.log()
        report = sample.report(3)
        functions = report['boot']['functions']
        functions['kind'] = 'count'
        for one in functions['list']:
            one.update(total_ns=None, self_ns=None, max_ns=None)
        node = functions['tree']
        for depth in range(3000):
            node['children'] = [{'name': 'deep_%d' % depth, 'value': node['value'], 'children': []}]
            node = node['children'][0]
        sys.setrecursionlimit(20000)
        web.open(render(report)[0])
        web.click('#tab-boot-functions')
        web.until('views.boot.flame && views.boot.flame.boxes')
        tap.equal(web.value('views.boot.flame.boxes.length'), 3001, 'a flame graph can be deep')
        web.run('document.querySelector(".flame").scrollTop = 1e6; document.querySelector(".flame").scrollIntoView();')
        web.frames()
        box = web.run('const box = document.querySelector(".flame").getBoundingClientRect();'
                      'return [box.left, box.top, box.width - 20, 200];')
        found = chromium.colors(web.picture(*box))
        tap.ok(sum(found.get(rgb(web, 'flame-%d' % n), 0) for n in range(6)) > 0.7 * sum(found.values()),
               'and is drawn at its deepest', found)
        web.mouse(('move', box[0] + 200, box[1] + 100), 'down', 'up')
        tap.ok(web.value('views.boot.flame.zoomed.depth') > 2950, 'where it can be clicked')
        web.click('#details-boot-functions .tools .view')
        tap.ok('900\u202f000\u202f000 calls' in web.value('document.querySelector(".path").textContent'),
               'where calls were counted, they are shown', web.value('document.querySelector(".path").textContent'))
        calls = [int(one.replace('\u202f', '')) for one in column(web, '#details-boot-functions', 1)]
        tap.equal(calls, sorted(calls, reverse=True), 'and the most called comes first')
        tap.equal([one['message'] for one in web.log()], [], 'all of that is no trouble')

        empty = {'start': 0, 'end': 1000, 'duration_ns': 1000, 'phases': [], 'totals': {}, 'initcalls': [],
                 'processes': [], 'units': [], 'vcpus': [], 'chain': [], 'causes': [], 'marks': [], 'functions': None}
        for what, boot in (('an empty boot', empty), ('a boot of no time', dict(empty, end=0, duration_ns=0)),
                           ('a boot without lists', {'start': 0, 'end': 9, 'duration_ns': 9}), ('no boot', None)):
            web.open(render({'format': 'hypertrace-boot', 'version': 1, 'meta': {}, 'warnings': [],
                             'boot': boot, 'shutdown': None})[0])
            web.frames()
            tap.equal([one['message'] for one in web.log()], [], '%s is no trouble' % what)
            tap.ok(web.value('document.getElementById("tab-shutdown").disabled'), 'and there is no shutdown to see')


def test_guest(tap):
    """The page of a real boot, by the command that people use."""
    made = systemd.recording('direct-seabios-4')
    path = os.path.join(scratch.name, 'guest.html')
    vm.tool('boot', '--html', path, made.recording, bound=400)
    with tempfile.TemporaryDirectory(dir=scratch.name) as folder, chromium.Browser(folder) as web:
        web.open(path)
        tap.ok(web.value('views.boot.timeline.groups.map((group) => group.id)')[:7] ==
               ['phases', 'marks', 'chain', 'vcpus', 'initcalls', 'units', 'processes'], 'a boot of systemd has all lanes')
        web.click('#tab-boot-units')
        names = column(web, '#details-boot-units', 0)
        tap.ok('systemd-journald.service' in names, 'its units are listed', names)
        for name in ('firmware', 'kernel', 'initrd', 'userspace'):
            tap.ok(look(web, 'phases').get(rgb(web, 'group-' + name), 0) > 5, '%s is drawn' % name)
        for vcpu in range(4):
            found = look(web, 'vcpus', vcpu)
            tap.ok(sum(found.get(rgb(web, 'task-%d' % n), 0) > 5 for n in range(10)) >= 4,
                   'vCPU %d is drawn' % vcpu, found)
        web.click('#tab-boot-chain')
        web.click('#details-boot-chain th:nth-child(2) button')
        web.click('#details-boot-chain tbody tr')
        longest = web.run('return views.boot.span.chain.reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a));')
        now = range_of(web)
        tap.ok(now[0] <= longest['start'] and longest['end'] <= now[1], 'its longest wait is found', (now, longest))
        web.click('#tab-shutdown')
        web.until('views.shutdown && views.shutdown.timeline.node.dataset.to')
        tap.equal(web.requests(), ['file://' + path], 'the only request was for the page')
        tap.equal([one['message'] for one in web.log()], [], 'the page has no complaint')


if __name__ == '__main__':
    with scratch:
        if chromium.is_installed():
            tap_lib.main(test_file, test_page, test_hostile, test_others, test_guest)
        print('1..0 # SKIP chromium or chromium-driver is not installed')
