// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page: what was looked at, then the boot or the shutdown: the answer in
 * short, the timeline with what is selected, the tables. One span is shown at a
 * time; the form of the report is docs/specs/boot-report.md.
 */

const FORMAT = 'hypertrace-boot';
const VERSION = 1;

/* what is shown, by span; also for the console and for tests */
const views = {};

/* ---- the parts of a view ---- */

function legend(parts, whole) {
	return make('ul', { class: 'legend' }, parts.map((part) => make('li', {},
		swatch(part.color), `${part.name} `, make('b', {}, duration(part.ns)),
		` ${percent(part.ns, whole)}`)));
}

/** addUp - a time split over all phases */
function addUp(span, member, kind) {
	const total = {};

	for (const state of SPLITS[kind])
		total[state + '_ns'] = sum(list(span.phases).map((phase) =>
			phase[member] && phase[member][state + '_ns']));
	return split(total, kind);
}

class View extends Listings {
	constructor(report, span, name, palette) {
		super(report, span, palette);
		this.name = name;
		this.timeline = new Timeline({
			span, palette,
			onSelect: (item) => this.onSelect(item),
			describe: (item) => describe(item, span),
		});
		this.timeline.onToggle = () => this.showGroups();
		this.build();
	}

	close() {
		this.timeline.close();
		if (this.flame)
			this.flame.close();
	}

	redraw() {
		this.timeline.draw();
		if (this.flame)
			this.flame.draw();
	}

	build() {
		this.detail = make('div', {
			role: 'region', 'aria-label': 'What is selected', 'aria-live': 'polite',
		});
		this.node = make('div', {},
			make('section', { class: 'summary', 'aria-label': 'Summary' },
				this.phasesBar(), this.causes()),
			make('section', { 'aria-label': 'Timeline' }, this.tools(),
				make('div', { class: 'timeline' }, this.timeline.node,
					make('aside', { class: 'detail' }, this.detail))),
			this.tabs());
		this.onSelect(null);
	}

	/** go - take the timeline to an entry of the report */
	go(entry, kind, name) {
		const start = number(entry.start) !== null ? entry.start : entry.time;

		if (number(start) === null)
			return;
		const item = this.timeline.find(entry) ||
			{ kind, name, of: entry, start, end: Math.max(start, endOf(entry, this.span)) };

		this.timeline.zoomTo(item);
		this.timeline.select(item);
		this.timeline.node.scrollIntoView({ block: 'nearest' });
	}

	/* ---- the answer in short ---- */

	phasesBar() {
		const { span } = this;
		const phases = list(span.phases).filter(isDrawn);
		const whole = span.end - span.start || 1;
		const groups = [];

		for (const phase of phases) {
			const last = groups.at(-1);

			if (last && last.id === phase.group)
				last.ns += phase.end - phase.start;
			else
				groups.push({ id: phase.group, ns: phase.end - phase.start });
		}
		const width = (ns) => ({ width: 100 * ns / whole + '%' });
		const wall = addUp(span, 'wall', 'wall'), cpu = addUp(span, 'cpu', 'cpu');
		const chain = addUp(span, 'chain', 'states');
		const totalOf = (parts) => sum(parts.map((part) => part.ns));
		const line = (title, parts) => [make('div', {}, title),
			make('div', {}, stack(parts, totalOf(parts)), legend(parts, totalOf(parts)))];

		return make('div', {},
			make('h2', {}, 'Phases'),
			make('div', { class: 'bar groups', 'aria-hidden': 'true' }, groups.map((one) => {
				const label = `${GROUPS[one.id] || text(one.id)} ${duration(one.ns)}`;

				return make('div', { style: width(one.ns), title: `${label}, ${percent(one.ns, whole)}` },
					one.ns / whole > 0.06 ? [make('b', {}, GROUPS[one.id] || one.id),
						make('span', { class: 'quiet' }, ' ' + duration(one.ns))] : null);
			})),
			make('div', { class: 'bar phases' }, phases.map((phase) => {
				const color = groupColor(phase.group);
				const part = (phase.end - phase.start) / whole;
				const says = `${text(phase.name)}: ${duration(phase.end - phase.start)}, ` +
					percent(phase.end - phase.start, whole);

				return make('button', {
					type: 'button', title: says, 'aria-label': says,
					class: part < 0.004 ? 'slim' : part < 0.03 ? 'narrow' : null,
					style: {
						...width(phase.end - phase.start), background: `var(--${color})`,
						color: this.palette.ink(color),
					},
					on: { click: () => this.go(phase, 'phase', phase.name) },
				}, part < 0.03 ? null : phase.name);
			})),
			make('div', { class: 'splits' },
				...line('Guest', wall), ...line('vCPUs', cpu), ...line('Chain', chain)));
	}

	causes() {
		const causes = list(this.span.causes).slice(0, 8);
		const total = this.span.duration_ns;

		return make('div', {},
			make('h2', {}, 'First causes ',
				make('span', { class: 'quiet' }, 'of the time on the critical chain')),
			causes.length ? make('ol', { class: 'causes' }, causes.map((cause) => make('li', {},
				make('button', { type: 'button', on: { click: () => this.goCause(cause) } },
					swatch(stateColor(cause.state)), make('span', {}, cause.text),
					make('span', { class: 'quiet' }, percent(cause.duration_ns, total))))))
				: make('p', { class: 'quiet' }, 'Nothing is known of that.'));
	}

	/** goCause - to the longest piece of a cause */
	goCause(cause) {
		const link = list(this.span.chain).find((one) => one.start === cause.start &&
			one.end === cause.end);

		this.go(link || cause, 'cause', cause.owner ? cause.owner.name : 'Cause');
	}

	/* ---- the timeline ---- */

	tools() {
		const { timeline } = this;
		const button = (label, title, click) => make('button', {
			type: 'button', title, 'aria-label': title, on: { click },
		}, label);

		this.groupButtons = timeline.groups.map((group) => make('button', {
			type: 'button', 'data-group': group.id, 'aria-pressed': 'true',
			on: { click: () => timeline.toggle(group.id) },
		}, group.name));
		this.showGroups();
		return make('div', { class: 'tools' },
			make('input', {
				type: 'search', placeholder: 'Find in the timeline', 'aria-label': 'Find in the timeline',
				spellcheck: 'false', autocomplete: 'off',
				on: { input: (event) => timeline.filter(event.target.value) },
			}),
			this.groupButtons,
			make('span', { class: 'joined view' },
				button('−', 'Zoom out', () => timeline.zoom(1 / 0.6)),
				button('+', 'Zoom in', () => timeline.zoom(0.6)),
				button('Show all', 'Show all', () => timeline.showAll())));
	}

	showGroups() {
		for (const button of this.groupButtons)
			button.setAttribute('aria-pressed',
				String(!this.timeline.closed.has(button.dataset.group)));
	}

	onSelect(item) {
		if (!item) {
			this.showHelp();
			return;
		}
		const { title, facts, stacks } = factsOf(item, this.span);

		show(this.detail,
			make('h2', {}, title || KINDS[item.kind], ' '),
			make('p', { class: 'quiet' }, swatch(item.color || stateColor(item.of.state)),
				KINDS[item.kind]),
			make('dl', {}, facts.map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)])),
			...stacks.filter(([, parts]) => parts.length).flatMap(([name, parts]) => {
				const whole = sum(parts.map((part) => part.ns));

				return [make('h3', {}, name), stack(parts, whole), legend(parts, whole)];
			}),
			make('p', {}),
			make('button', { type: 'button', on: { click: () => this.timeline.zoomTo(item) } }, 'Zoom to it'));
	}

	/** showHelp - while nothing is selected: what the colours and keys are */
	showHelp() {
		const key = (keys, what) => make('div', {}, keys.map((one) => [make('kbd', {}, one), ' ']), what);

		show(this.detail,
			make('h2', {}, 'Nothing is selected'),
			make('p', { class: 'quiet' }, 'Click something in the timeline or in a table.'),
			make('h3', {}, 'Critical chain'),
			make('ul', { class: 'legend' }, SPLITS.states.map((state) => make('li', {},
				swatch(stateColor(state)), STATES[state]))),
			make('h3', {}, 'vCPUs'),
			make('ul', { class: 'legend' },
				make('li', {}, swatch('task-0'), swatch('task-3'), swatch('task-6'), 'tasks, by name'),
				make('li', {}, swatch('state-irq'), 'interrupt'),
				make('li', {}, swatch('state-idle'), 'idle')),
			make('h3', {}, 'Initcalls, units, processes'),
			make('p', {}, 'A strong bar ran, a pale one waited. A unit is strong until it is up. ' +
				'Underlined is what the critical chain goes through.'),
			make('div', { class: 'keys' },
				key(['Ctrl'], '+ wheel, or pinch: zoom'), key(['Shift'], '+ wheel, or drag: move'),
				make('div', {}, 'Drag on the axis: zoom to that'),
				make('div', {}, 'Double click: zoom to the item'),
				key(['←', '→', '+', '−', '0'], 'move, zoom, all'),
				key(['n', 'p'], 'next, previous item'), key(['Enter', 'Esc'], 'zoom to it, leave it')));
	}

	/* ---- the tables ---- */

	tabs() {
		const { span } = this;
		const some = (name, entries) => [name, list(entries).length];
		const panels = [
			['phases', ...some('Phases', span.phases), () => this.phases()],
			['chain', ...some('Critical chain', span.chain), () => this.chain()],
			['initcalls', ...some('Initcalls', span.initcalls), () => this.initcalls()],
			['units', ...some('Units', span.units), () => this.units()],
			['processes', ...some('Processes', span.processes), () => this.processes()],
			['waits', 'Waits', null, () => this.waits()],
			['marks', ...some('Marks', span.marks), () => this.marks()],
			['functions', 'Functions', span.functions ? list(span.functions.list).length : null,
				() => this.functions()],
			['about', 'About', null, () => this.about()],
		];

		return tabSet('details', panels.map(([id, name, many, fill]) => ({
			id: `${this.name}-${id}`, fill, label: [name, many === null ? null
				: make('span', { class: 'quiet' }, ' ' + count(many))],
		})));
	}
}

/* ---- tabs ---- */

/**
 * tabSet - tabs and what they show, which is made when it is first wanted
 *
 * TABS are { id, label, fill() -> nodes, isOff }.
 */
function tabSet(name, tabs) {
	const panels = tabs.map((tab) => make('div', {
		class: 'panel', role: 'tabpanel', hidden: true, id: `${name}-${tab.id}`,
		'aria-labelledby': `tab-${tab.id}`,
	}));
	const open = (index) => {
		buttons.forEach((button, at) => {
			button.setAttribute('aria-selected', String(at === index));
			button.tabIndex = at === index ? 0 : -1;
			panels[at].hidden = at !== index;
		});
		fill(index);
		if (tabs[index].onOpen)
			tabs[index].onOpen();
	};
	const fill = (index) => {
		if (!panels[index].firstChild && tabs[index].fill)
			panels[index].append(...[tabs[index].fill()].flat());
	};
	const buttons = tabs.map((tab, index) => make('button', {
		type: 'button', role: 'tab', id: `tab-${tab.id}`, 'aria-controls': `${name}-${tab.id}`,
		disabled: Boolean(tab.isOff), title: tab.title,
		on: { click: () => open(index) },
	}, tab.label));
	const bar = make('div', {
		class: `tabs ${name}`, role: 'tablist',
		on: {
			keydown: (event) => {
				const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
				const usable = buttons.filter((button) => !button.disabled);
				const at = usable.indexOf(document.activeElement);

				if (!by || at < 0)
					return;
				event.preventDefault();
				const next = usable[(at + by + usable.length) % usable.length];

				next.focus();
				open(buttons.indexOf(next));
			},
		},
	}, buttons);

	open(0);
	return make('section', {}, bar, panels);
}

/* ---- the whole ---- */

function header(report) {
	const meta = report.meta || {};
	const { boot } = report;
	const totals = Object.entries((boot && boot.totals) || {}).filter(([name, value]) =>
		name !== 'total' && number(value) !== null).slice(0, 7);
	const marker = meta.marker || {};
	const losses = number(meta.lost_events) ? `${count(meta.lost_events)} events lost`
		: meta.has_unknown_loss ? 'events lost, how many is not known' : 'no event lost';
	const figure = (name, value, kind) => make('div', { class: kind },
		make('dt', {}, name), make('dd', {}, value));

	return make('header', {},
		make('div', { class: 'what' },
			make('h1', {}, text(meta.vm) || 'VM'),
			make('p', { class: 'quiet' }, [meta.kernel && 'Linux ' + text(meta.kernel), meta.vmm,
				number(meta.vcpus) === null ? null : `${meta.vcpus} vCPU${meta.vcpus === 1 ? '' : 's'}`,
				`${count(meta.events)} events`].filter(Boolean).map(text).join(' · '), ', ',
			make('span', { class: losses === 'no event lost' ? null : 'alarm' }, losses)),
			make('p', { class: 'quiet' }, 'Boot ends with ', make('b', {}, marker.name), marker.what
				? `: ${text(marker.what)}` : '', marker.is_found === false
				? ' (it was not found)' : '')),
		boot && make('dl', { class: 'figures' },
			totals.map(([name, value]) => figure(name, duration(value))),
			figure('total', duration(boot.duration_ns), 'total')));
}

function warnings(report) {
	const all = list(report.warnings);
	const line = (warning) => make('li', {}, warning);

	if (!all.length)
		return null;
	if (all.length <= 3)
		return make('ul', { class: 'warnings', 'aria-label': 'Warnings' }, all.map(line));
	return make('div', { class: 'warnings' }, make('details', {},
		make('summary', {}, `${all.length} warnings: ${text(all[0])}`),
		make('ul', {}, all.slice(1, 200).map(line))));
}

function build(report) {
	const palette = new Palette();
	const meta = report.meta || {};
	let current = null;
	const spans = [['boot', 'Boot', report.boot], ['shutdown', 'Shutdown', report.shutdown]];
	const tabs = spans.map(([id, name, span]) => ({
		id, isOff: !span, title: span ? null : `No ${id} was seen`,
		label: [name, make('span', { class: 'quiet' },
			span ? ' ' + duration(span.duration_ns) : ' not seen')],
		fill: () => {
			if (!span)
				return make('p', { class: 'quiet' }, `No ${id} was seen.`);
			views[id] = new View(report, span, id, palette);
			return views[id].node;
		},
		onOpen: () => {
			current = views[id];
			if (current)
				current.redraw();
		},
	}));
	const redraw = () => {
		palette.refresh();
		if (current)
			current.redraw();
	};

	document.title = `${text(meta.vm) || 'VM'}: boot report`;
	show(document.getElementById('page'), header(report), warnings(report), tabSet('spans', tabs));
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
	window.addEventListener('beforeprint', redraw);
	window.addEventListener('afterprint', redraw);
}

function fail(reason) {
	show(document.getElementById('page'), make('p', { class: 'failure', role: 'alert' }, reason));
}

function openReport(source) {
	let report;

	try {
		report = JSON.parse(source);
	} catch (error) {
		fail('The report in this page is damaged: ' + error.message);
		return;
	}
	if (!report || report.format !== FORMAT)
		fail(`The report in this page is not one: format=${text(report && report.format)}`);
	else if (report.version !== VERSION)
		fail(`The report in this page has a version that this page does not know: ${text(report.version)}`);
	else
		build(report);
}

openReport(document.getElementById('report').textContent);
document.documentElement.dataset.ready = 'true';
