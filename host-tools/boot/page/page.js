// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page: what was looked at, then the boot or the shutdown: the answer in
 * short, the timeline with what is selected, the tables. A span is shown at a
 * time; the form of the report is docs/specs/boot-report.md.
 */

const FORMAT = 'hypertrace-boot';
const VERSION = 1;

/* what is shown, by span; also for the console and for tests */
const views = {};

const KINDS = {
	phase: 'Phase', link: 'Piece of the critical chain', mark: 'Mark', unit: 'Unit',
	process: 'Process', initcall: 'Initcall', slice: 'Slice of a vCPU', cause: 'Cause',
};

function task(of) {
	if (!of || (of.comm === null && of.pid === null) || of.comm === undefined)
		return '';
	return text(of.comm) + (number(of.pid) === null ? '' : ` [${of.pid}]`);
}

function endOf(of, span) {
	return number(of.end) === null ? span.end : of.end;
}

function sum(values) {
	return values.reduce((total, value) => total + (number(value) || 0), 0);
}

/** largest - of many values, however many; at least 1, to divide by */
function largest(values) {
	return values.reduce((most, value) => Math.max(most, number(value) || 0), 1);
}

/** waiting - what of a time split is waiting */
function waiting(times, kind) {
	return split(times, kind).filter((part) => part.state !== 'running');
}

/* ---- what is selected ---- */

/**
 * factsOf - what is known of an item: { title, facts, stacks }
 *
 * FACTS are [name, value]; STACKS are [name, parts, whole].
 */
function factsOf(item, span) {
	const { of, kind } = item;
	const at = (time) => ms(time - span.start) + ' ms';
	const facts = [];
	const stacks = [];
	const fact = (name, value) => {
		if (value !== null && value !== undefined && value !== '')
			facts.push([name, value]);
	};
	const time = (name, value) => {
		if (number(value) !== null)
			facts.push([name, duration(value)]);
	};

	if (kind === 'mark') {
		fact('At', at(of.time));
		fact('Kind', of.kind);
		fact('Text', of.text);
		fact('Port', number(of.port) === null ? null : '0x' + of.port.toString(16));
		fact('Value', number(of.value) === null ? null : '0x' + of.value.toString(16));
		return { title: text(of.name), facts, stacks };
	}
	fact('Start', at(of.start));
	fact('End', number(of.end) === null ? 'after the end of what is shown' : at(of.end));
	time('Duration', number(of.duration_ns) !== null || kind === 'unit' ? of.duration_ns
		: endOf(of, span) - of.start);
	switch (kind) {
	case 'phase':
		fact('Part of', GROUPS[of.group]);
		fact('Of the total', percent(of.duration_ns, span.duration_ns));
		time('Runnable', of.runnable_ns);
		fact('Note', of.reason);
		stacks.push(['The guest', split(of.wall, 'wall')], ['Its vCPUs', split(of.cpu, 'cpu')],
			['Critical chain', split(of.chain, 'states')]);
		break;
	case 'link':
	case 'cause':
		fact('State', STATES[of.state] || of.state);
		fact('Task', task(of));
		fact('For', of.owner && `${text(of.owner.kind)} ${text(of.owner.name)}`);
		fact('Detail', of.detail);
		fact('', of.text);
		break;
	case 'initcall':
		fact('Level', of.level);
		fact('Returns', of.return);
		fact('Task', task(of));
		time('Ran', of.run_ns);
		time('Waited', of.wait_ns);
		stacks.push(['Its time', split(of.states, 'states')]);
		break;
	case 'process':
		fact('PID', of.pid);
		fact('Parent', of.parent);
		fact('Program', of.exec);
		fact('Unit', of.unit);
		time('On a CPU', of.cpu_ns);
		time('Runnable', of.runnable_ns);
		stacks.push(['Waits', split(of.waits, 'waits')]);
		break;
	case 'unit':
		fact('Up', number(of.active) === null ? 'never' : at(of.active));
		fact('Result', of.result);
		fact('Type', of.type);
		fact('What', of.description);
		time('On a CPU', of.cpu_ns);
		fact('Known by', of.source === 'log' ? "systemd's log" : of.source);
		break;
	case 'slice':
		fact('CPU', of.vcpu.cpu);
		fact(of.state === 2 ? 'Interrupted' : 'Task', task(of.task));
		if (of.vcpu.resolution_ns)
			time('Resolution', of.vcpu.resolution_ns);
		break;
	default:
	}
	if (of.is_on_chain)
		fact('Critical chain', 'on it');
	return { title: text(item.name), facts, stacks };
}

function describe(item, span) {
	const { title, facts } = factsOf(item, span);

	return {
		title: title || KINDS[item.kind],
		lines: [KINDS[item.kind], ...facts.slice(0, 7).map(([name, value]) => `${name} ${text(value)}`)],
	};
}

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

class View {
	constructor(report, span, name, palette) {
		Object.assign(this, { report, span, name, palette });
		this.tables = [];
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
		this.detail = make('div', { role: 'region', 'aria-label': 'What is selected', 'aria-live': 'polite' });
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
					type: 'button', class: part < 0.004 ? 'slim' : part < 0.03 ? 'narrow' : null, title: says, 'aria-label': says,
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
			make('p', { class: 'quiet' }, swatch(item.color || stateColor(item.of.state)), KINDS[item.kind]),
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

	table(options) {
		const table = new Table(options);

		this.tables.push(table);
		return table.node;
	}

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

	at(time) {
		return number(time) === null ? null : time - this.span.start;
	}

	bar(ns, color = 'initcall', whole = this.span.duration_ns) {
		return stack(ns > 0 ? [{ ns, color, name: '' }] : [], whole);
	}

	phases() {
		const phases = list(this.span.phases);
		const isSeen = (phase) => phase.is_seen !== false;
		const vcpus = number(this.report.meta && this.report.meta.vcpus) || 1;

		return this.table({
			name: 'Phases', rows: phases, onSelect: (phase) => this.go(phase, 'phase', phase.name),
			columns: [
				{
					title: 'Phase', value: (phase) => phase.name,
					node: (phase) => make('span', {}, swatch(groupColor(phase.group)), phase.name),
				},
				{ title: 'Of', value: (phase) => GROUPS[phase.group] || phase.group },
				{ title: 'Start', isTime: true, value: (phase) => this.at(phase.start) },
				{
					title: 'Duration, ms', isTime: true,
					value: (phase) => (isSeen(phase) ? phase.duration_ns : null),
				},
				{
					title: 'Of the total', isNumber: true, value: (phase) => phase.duration_ns,
					text: (phase) => (isSeen(phase) ? percent(phase.duration_ns, this.span.duration_ns) : ''),
				},
				...[['Guest', 'wall', 'wall', 1], ['vCPUs', 'cpu', 'cpu', vcpus],
					['Critical chain', 'chain', 'states', 1]].map(([title, member, kind, times]) => ({
					title, value: (phase) => waitShare(phase[member], kind),
					text: (phase) => split(phase[member], kind).map((part) => part.name).join(' '),
					node: (phase) => stack(split(phase[member], kind), phase.duration_ns * times),
				})),
				{ title: 'Runnable, ms', isTime: true, value: (phase) => number(phase.runnable_ns) },
				{
					title: 'Note', isWide: true, value: (phase) => phase.reason,
					text: (phase) => [isSeen(phase) ? '' : phase.merged_into
						? `not seen, in ${this.phaseName(phase.merged_into)}` : 'not seen',
					text(phase.reason)].filter(Boolean).join(': '),
				},
			],
		});
	}

	phaseName(id) {
		const phase = list(this.span.phases).find((one) => one.id === id);

		return text(phase ? phase.name : id);
	}

	chain() {
		const owner = (link) => (link.owner ? `${text(link.owner.kind)} ${text(link.owner.name)}` : '');

		return [
			make('p', { class: 'quiet' }, 'What the end waited for, back to the begin: ' +
				'if none of this were faster, neither would be the whole.'),
			this.table({
				name: 'Critical chain', rows: list(this.span.chain), omitted: this.span.chain_omitted,
				least: 1, onSelect: (link) => this.go(link, 'link', linkName(link)),
				columns: [
					{ title: 'Start', isTime: true, value: (link) => this.at(link.start) },
					{ title: 'Duration, ms', isTime: true, value: (link) => link.end - link.start },
					{
						title: 'Share', value: (link) => link.end - link.start, text: () => '',
						node: (link) => this.bar(link.end - link.start, stateColor(link.state)),
					},
					{
						title: 'State', value: (link) => STATES[link.state] || link.state,
						node: (link) => make('span', {}, swatch(stateColor(link.state)),
							STATES[link.state] || link.state),
					},
					{ title: 'Task', value: (link) => task(link) },
					{ title: 'For', value: owner },
					{ title: 'Detail', isWide: true, value: (link) => link.detail },
				],
			}),
		];
	}

	initcalls() {
		const calls = list(this.span.initcalls);
		const longest = largest(calls.map((call) => call.duration_ns));

		return this.table({
			name: 'Initcalls', rows: calls, sort: 1, isDescending: true, least: 1,
			omitted: this.span.initcalls_omitted,
			onSelect: (call) => this.go(call, 'initcall', call.function),
			columns: [
				{ title: 'Function', value: (call) => call.function },
				{ title: 'Duration, ms', isTime: true, value: (call) => number(call.duration_ns) },
				{
					title: 'Ran, waited', value: (call) => number(call.duration_ns), text: () => '',
					node: (call) => stack(split(call.states, 'states'), longest),
				},
				{ title: 'Start', isTime: true, value: (call) => this.at(call.start) },
				{ title: 'Ran, ms', isTime: true, value: (call) => number(call.run_ns) },
				{ title: 'Waited, ms', isTime: true, value: (call) => number(call.wait_ns) },
				{ title: 'Level', value: (call) => call.level },
				{ title: 'Returns', isNumber: true, value: (call) => number(call.return) },
				{ title: 'Task', value: (call) => task(call) },
				{ title: 'Chain', value: (call) => (call.is_on_chain ? 'on it' : '') },
			],
		});
	}

	units() {
		const units = list(this.span.units);
		const longest = largest(units.map((unit) => unit.duration_ns));

		return this.table({
			name: 'Units', rows: units, sort: 1, isDescending: true, least: 1,
			omitted: this.span.units_omitted,
			onSelect: (unit) => this.go(unit, 'unit', unit.name),
			columns: [
				{ title: 'Unit', value: (unit) => unit.name },
				{ title: 'Time to start, ms', isTime: true, value: (unit) => number(unit.duration_ns) },
				{
					title: 'Time', value: (unit) => number(unit.duration_ns), text: () => '',
					node: (unit) => this.bar(unit.duration_ns, unit.result === 'failed' ? 'failed' : 'unit', longest),
				},
				{ title: 'Start', isTime: true, value: (unit) => this.at(unit.start) },
				{ title: 'Up', isTime: true, value: (unit) => this.at(unit.active) },
				{ title: 'End', isTime: true, value: (unit) => this.at(unit.end) },
				{ title: 'Result', value: (unit) => unit.result },
				{ title: 'CPU, ms', isTime: true, value: (unit) => number(unit.cpu_ns) },
				{ title: 'Chain', value: (unit) => (unit.is_on_chain ? 'on it' : '') },
				{ title: 'What', isWide: true, value: (unit) => unit.description },
			],
		});
	}

	processes() {
		const lasts = (process) => endOf(process, this.span) - process.start;
		const parts = (process) => [
			...split({ running_ns: process.cpu_ns, runnable_ns: process.runnable_ns }, 'states'),
			...split(process.waits, 'waits'),
		];
		const longest = largest(list(this.span.processes).map(lasts));

		return this.table({
			name: 'Processes', rows: list(this.span.processes), sort: 5, isDescending: true, least: 4,
			omitted: this.span.processes_omitted,
			onSelect: (process) => this.go(process, 'process', process.comm),
			columns: [
				{
					title: 'Process', value: (process) => process.comm,
					node: (process) => make('span', {}, swatch(taskColor(process.comm)), process.comm),
				},
				{ title: 'PID', isNumber: true, value: (process) => number(process.pid), text: (process) => process.pid },
				{ title: 'Parent', isNumber: true, value: (process) => number(process.parent), text: (process) => process.parent },
				{ title: 'Start', isTime: true, value: (process) => this.at(process.start) },
				{ title: 'Lasts, ms', isTime: true, value: lasts },
				{ title: 'CPU, ms', isTime: true, value: (process) => number(process.cpu_ns) },
				{ title: 'Runnable, ms', isTime: true, value: (process) => number(process.runnable_ns) },
				{
					title: 'Waited, ms', isTime: true,
					value: (process) => sum(split(process.waits, 'waits').map((part) => part.ns)),
				},
				{
					title: 'Ran, waited', value: lasts, text: () => '',
					node: (process) => stack(parts(process), longest),
				},
				{ title: 'Unit', value: (process) => process.unit },
				{ title: 'Program', isWide: true, value: (process) => process.exec },
			],
		});
	}

	/** waits - every wait of an initcall or a process, the longest first */
	waits() {
		const rows = [];
		const add = (of, kind, name, parts) => parts.forEach((part) => rows.push({ of, kind, name, ...part }));

		for (const call of list(this.span.initcalls))
			add(call, 'initcall', call.function, waiting(call.states, 'states'));
		for (const process of list(this.span.processes))
			add(process, 'process', task(process), [
				...split({ runnable_ns: process.runnable_ns }, 'states'),
				...waiting(process.waits, 'waits'),
			]);
		const longest = largest(rows.map((row) => row.ns));

		return [
			make('p', { class: 'quiet' }, 'Who did not run, and for what, summed up over its life.'),
			this.table({
				name: 'Waits', rows, sort: 3, isDescending: true, least: 3,
				onSelect: (row) => this.go(row.of, row.kind, row.name),
				columns: [
					{ title: 'Who', value: (row) => row.name },
					{ title: 'Is', value: (row) => row.kind },
					{
						title: 'State', value: (row) => row.name && STATES[row.state],
						node: (row) => make('span', {}, swatch(row.color), STATES[row.state]),
					},
					{ title: 'Time, ms', isTime: true, value: (row) => row.ns },
					{
						title: 'Share', value: (row) => row.ns, text: () => '',
						node: (row) => this.bar(row.ns, row.color, longest),
					},
				],
			}),
		];
	}

	marks() {
		const hex = (value) => (number(value) === null ? '' : '0x' + value.toString(16));

		return this.table({
			name: 'Marks', rows: list(this.span.marks), omitted: this.span.marks_omitted,
			onSelect: (mark) => this.go(mark, 'mark', mark.name),
			columns: [
				{ title: 'Start', isTime: true, value: (mark) => this.at(mark.time) },
				{ title: 'Mark', value: (mark) => mark.name },
				{ title: 'Kind', value: (mark) => mark.kind },
				{ title: 'Port', isNumber: true, value: (mark) => number(mark.port), text: (mark) => hex(mark.port) },
				{ title: 'Value', isNumber: true, value: (mark) => number(mark.value), text: (mark) => hex(mark.value) },
				{ title: 'Text', isWide: true, value: (mark) => mark.text },
			],
		});
	}

	functions() {
		const { functions } = this.span;

		if (!functions)
			return make('p', { class: 'quiet' }, 'Functions were not traced.');
		const isTimed = functions.kind === 'graph';
		const unit = isTimed ? duration : (value) => `${count(value)} calls`;
		const rows = list(functions.list);
		const most = largest(rows.map((row) => (isTimed ? row.self_ns : row.calls)));
		const parts = [make('h2', {}, `Functions: ${count(functions.calls)} calls`,
			functions.has_overrun ? make('span', { class: 'quiet' }, '; the graph was cut, the table was not') : null)];

		if (functions.tree) {
			this.flame = new Flame({ tree: functions.tree, unit, palette: this.palette });
			parts.push(this.flame.node);
		}
		parts.push(this.table({
			name: 'Functions', rows, sort: isTimed ? 3 : 1, isDescending: true,
			omitted: functions.list_omitted,
			onSelect: (row) => this.flame && this.flame.find(text(row.name)),
			columns: [
				{ title: 'Function', value: (row) => row.name },
				{ title: 'Calls', isNumber: true, value: (row) => number(row.calls) },
				{ title: 'Total, ms', isTime: true, value: (row) => number(row.total_ns) },
				{ title: 'Self, ms', isTime: true, value: (row) => number(row.self_ns) },
				{
					title: 'Share', text: () => '',
					value: (row) => number(isTimed ? row.self_ns : row.calls),
					node: (row) => this.bar(isTimed ? row.self_ns : row.calls, 'flame-0', most),
				},
				{ title: 'Longest, ms', isTime: true, value: (row) => number(row.max_ns) },
			],
		}));
		return parts;
	}

	about() {
		const meta = this.report.meta || {};
		const sources = Object.entries(meta.sources || {}).map(([name, many]) => `${name} ${count(many)}`);
		const facts = [
			['VM', meta.vm], ['UUID', meta.uuid], ['VMM', meta.vmm], ['Kernel', meta.kernel],
			['Command line', meta.command_line], ['vCPUs', meta.vcpus],
			['Read from', `${text(meta.input)} (${text(meta.kind)})`],
			['Epoch', `${text(meta.epoch)} of ${list(meta.epochs).map(text).join(', ')}`],
			['Time 0', `${count(meta.origin_ns)} ns of the host's CLOCK_MONOTONIC`],
			['That was at', number(meta.origin_real_ns) === null ? null
				: new Date(meta.origin_real_ns / 1e6).toISOString()],
			['Events', count(meta.events)],
			['First, last event', `${ms(meta.first_event)} ms, ${ms(meta.last_event)} ms`],
			['Lost events', count(meta.lost_events) + (meta.has_unknown_loss
				? ', and a loss whose extent is not known' : '')],
			['Clock error', number(meta.clock_error_ns) === null ? null : 'up to ' + duration(meta.clock_error_ns)],
			['Guest ended by', [meta.end_reason, meta.end_text].filter(Boolean).map(text).join(': ')],
			['Event systems', sources.join(', ')],
			['End marker', meta.marker && `${text(meta.marker.name)}: ${text(meta.marker.what)}`],
			['Written by', meta.tool],
		];

		return make('dl', { class: 'about' }, facts.filter(([, value]) => text(value) !== '')
			.map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
	}
}

/** waitShare - by what a column of splits is sorted: how much of it was waiting */
function waitShare(times, kind) {
	const parts = split(times, kind);
	const all = sum(parts.map((part) => part.ns));

	return all ? 1 - parts[0].ns / all * (parts[0].state === SPLITS[kind][0]) : null;
}

/* ---- tabs ---- */

/**
 * tabSet - tabs and what they show, which is made when it is first wanted
 *
 * TABS are { id, label, fill() -> nodes, isOff }.
 */
function tabSet(name, tabs) {
	const panels = tabs.map((tab) => make('div', {
		class: 'panel', role: 'tabpanel', id: `${name}-${tab.id}`, 'aria-labelledby': `tab-${tab.id}`, hidden: true,
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
