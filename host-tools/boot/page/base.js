// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all parts of the page use: numbers as people read them, elements,
 * colours. The texts of the report are hostile: they become text nodes, never
 * markup, and this file is the only one that makes elements.
 */

const NBSP = '\u00a0';
const MAX_TEXT = 500;

/* ---- numbers ---- */

function number(value) {
	return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** group - digits in threes: 12345.6 is "12 345.6" */
function group(digits) {
	const [whole, fraction] = digits.split('.');
	const grouped = whole.replace(/\B(?=(\d{3})+$)/g, '\u202f');

	return fraction === undefined ? grouped : grouped + '.' + fraction;
}

function count(value) {
	return number(value) === null ? '–' : group(String(value));
}

/** ms - nanoseconds in milliseconds, for columns: always to the microsecond */
function ms(ns, digits = 3) {
	return number(ns) === null ? '–' : group((ns / 1e6).toFixed(digits));
}

/** duration - nanoseconds with the unit that fits, for sentences */
function duration(ns) {
	if (number(ns) === null)
		return 'unknown';
	const size = Math.abs(ns);

	if (size < 1e3)
		return ns + NBSP + 'ns';
	if (size < 1e6)
		return (ns / 1e3).toPrecision(3) + NBSP + 'µs';
	if (size < 1e9)
		return (ns / 1e6).toFixed(size < 1e7 ? 2 : size < 1e8 ? 1 : 0) + NBSP + 'ms';
	return (ns / 1e9).toFixed(size < 1e11 ? 2 : 0) + NBSP + 's';
}

function percent(part, whole) {
	if (!whole)
		return '–';
	const share = 100 * part / whole;

	if (share > 0 && share < 0.05)
		return '<' + NBSP + '0.1' + NBSP + '%';
	return (share < 10 ? share.toFixed(1) : share.toFixed(0)) + NBSP + '%';
}

function clamp(value, low, high) {
	return Math.min(Math.max(value, low), high);
}

/** lowerBound - index of the first item for which is_before is false */
function lowerBound(items, isBefore) {
	let low = 0, high = items.length;

	while (low < high) {
		const middle = (low + high) >> 1;

		if (isBefore(items[middle]))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- what the report may leave out ---- */

function list(value) {
	return Array.isArray(value) ? value : [];
}

function text(value) {
	if (value === null || value === undefined)
		return '';
	const whole = String(value);

	return whole.length > MAX_TEXT ? whole.slice(0, MAX_TEXT) + '…' : whole;
}

/** hash - a small number that is the same for the same name */
function hash(name) {
	let sum = 2166136261;

	for (const c of text(name))
		sum = Math.imul(sum ^ c.codePointAt(0), 16777619) >>> 0;
	return sum;
}

/* ---- elements ---- */

/**
 * make - an element
 *
 * PROPERTIES: `class`, `style` (object), `on` (object of listeners), and any
 * attribute; null and false leave it out. CHILDREN are nodes or text.
 */
function make(tag, properties = {}, ...children) {
	const node = document.createElement(tag);

	for (const [name, value] of Object.entries(properties || {})) {
		if (value === null || value === undefined || value === false)
			continue;
		if (name === 'style')
			for (const [key, one] of Object.entries(value))
				node.style.setProperty(key, one);
		else if (name === 'on')
			for (const [event, listener] of Object.entries(value))
				node.addEventListener(event, listener);
		else
			node.setAttribute(name, value === true ? '' : text(value));
	}
	node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined)
		.map((child) => (child instanceof Node ? child : text(child))));
	return node;
}

function swatch(color) {
	return make('span', { class: 'swatch', style: { background: `var(--${color})` } });
}

/** show - what is only known now: replace what NODE holds */
function show(node, ...children) {
	node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null));
	return node;
}

/* ---- what the colours mean ---- */

const GROUPS = {
	__proto__: null,
	vmm: 'VMM', firmware: 'Firmware', kernel: 'Kernel', initrd: 'Initrd',
	userspace: 'User space', shutdown: 'Shutdown',
};

/* of a piece of the chain, and of a time split (NAME_ns) */
const STATES = {
	__proto__: null,
	running: 'running', irq: 'interrupts', runnable: 'runnable, waits for a CPU',
	disk: 'waits for a disk', device: 'waits for a device', timer: 'waits for a timer',
	task: 'waits for a task', other: 'waits for something else', idle: 'idle',
	vmm: 'VMM', firmware: 'firmware', unknown: 'not known',
};

const SPLITS = {
	wall: ['running', 'disk', 'device', 'timer', 'task', 'idle', 'unknown'],
	cpu: ['task', 'irq', 'idle', 'unknown'],
	states: ['running', 'runnable', 'disk', 'device', 'timer', 'task', 'vmm', 'firmware', 'unknown'],
	waits: ['disk', 'device', 'timer', 'task', 'other'],
};

function groupColor(name) {
	return 'group-' + (name in GROUPS ? name : 'vmm');
}

function stateColor(name) {
	if (name === 'vmm' || name === 'firmware')
		return groupColor(name);
	return 'state-' + (name in STATES ? name : 'unknown');
}

/** taskColor - one of ten by the name without its numbers, or that of no name */
function taskColor(comm) {
	return 'task-' + (comm ? hash(text(comm).replace(/[/:\d].*$/, '')) % 10 : 'none');
}

/**
 * split - the parts of a time split that are not zero
 * Return: [{ state, ns, color }], in the order of KIND.
 */
function split(times, kind) {
	return SPLITS[kind].map((state) => ({
		state, ns: number(times && times[state + '_ns']) || 0,
		/* on a CPU it is a task that runs */
		color: kind === 'cpu' && state === 'task' ? stateColor('running') : stateColor(state),
		name: kind === 'cpu' && state === 'task' ? 'tasks run' : STATES[state],
	})).filter((part) => part.ns > 0);
}

/** stack - a bar of parts, whose length is the share of WHOLE */
function stack(parts, whole) {
	const sum = parts.reduce((total, part) => total + part.ns, 0);
	const says = parts.map((part) => `${part.name} ${duration(part.ns)} ` +
		`(${percent(part.ns, sum)})`).join(', ');

	return make('div', {
		class: 'stack', role: 'img', 'aria-label': says, title: says.replaceAll(', ', '\n'),
	},
		make('div', { style: { width: 100 * clamp(sum / (whole || 1), 0, 1) + '%' } },
			parts.map((part) => make('span', {
				style: {
					'flex-grow': String(part.ns / (sum || 1)),
					background: `var(--${part.color})`,
				},
			}))));
}

/* ---- the colours, for what is drawn ---- */

/**
 * Palette - CSS variables as a canvas takes them
 *
 * of(name) is the colour, ink(name) that of text on it.
 */
class Palette {
	constructor() {
		this.refresh();
	}

	refresh() {
		this.style = getComputedStyle(document.documentElement);
		this.known = new Map();
	}

	look(name) {
		let found = this.known.get(name);

		if (!found) {
			const css = this.style.getPropertyValue('--' + name).trim() || '#888888';
			const [r, g, b] = [1, 3, 5].map((at) => parseInt(css.slice(at, at + 2), 16) / 255);
			const light = 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2;

			found = { css, ink: light > 0.19 ? '#111111' : '#ffffff' };
			this.known.set(name, found);
		}
		return found;
	}

	of(name) {
		return this.look(name).css;
	}

	ink(name) {
		return this.look(name).ink;
	}
}

/** fitCanvas - as many pixels as the screen has in SIZE CSS pixels */
function fitCanvas(canvas, width, height) {
	const scale = window.devicePixelRatio || 1;
	const columns = Math.max(1, Math.round(width * scale));
	const rows = Math.max(1, Math.round(height * scale));

	if (canvas.width !== columns || canvas.height !== rows) {
		canvas.width = columns;
		canvas.height = rows;
	}
	canvas.style.width = width + 'px';
	canvas.style.height = height + 'px';
	const context = canvas.getContext('2d');

	context.setTransform(scale, 0, 0, scale, 0, 0);
	context.clearRect(0, 0, width, height);
	return context;
}

/**
 * drawText - text in a box, shortened to fit; nothing if hardly any would fit
 */
function drawText(context, string, x, y, width) {
	if (width < 14)
		return;
	let shown = text(string).slice(0, 200);
	const full = context.measureText(shown).width;

	if (full > width) {
		const fitting = Math.floor(shown.length * (width - 6) / full);

		if (fitting < 2)
			return;
		shown = shown.slice(0, fitting) + '…';
	}
	context.fillText(shown, x, y);
}

/* ---- the tooltip ---- */

const tip = {
	show(x, y, title, lines) {
		const node = document.getElementById('tip');

		show(node, make('b', {}, title), ...lines.map((line) => make('div', {}, line)));
		node.hidden = false;
		const box = node.getBoundingClientRect();

		node.style.left = clamp(x + 14, 4, Math.max(4, innerWidth - box.width - 8)) + 'px';
		node.style.top = (y + 18 + box.height > innerHeight ? Math.max(4, y - box.height - 10)
			: y + 18) + 'px';
	},

	hide() {
		document.getElementById('tip').hidden = true;
	},
};
