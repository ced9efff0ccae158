// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of a span: what each holds, and in which columns. Whoever extends
 * this says how the timeline goes to an entry: go().
 */

function textColumn(title, value) {
	return { title, value };
}

function wideColumn(title, value) {
	return { title, value, isWide: true };
}

function timeColumn(title, value) {
	return { title, value, isTime: true };
}

function numberColumn(title, value, more = {}) {
	return { title, value, isNumber: true, ...more };
}

/** waitShare - by what a column of splits is sorted: how much of it was waiting */
function waitShare(times, kind) {
	const parts = split(times, kind);
	const all = sum(parts.map((part) => part.ns));

	if (!all)
		return null;
	return parts[0].state === SPLITS[kind][0] ? 1 - parts[0].ns / all : 1;
}

class Listings {
	constructor(report, span, palette) {
		Object.assign(this, { report, span, palette });
	}

	table(options) {
		return new Table(options).node;
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
				textColumn('Of', (phase) => GROUPS[phase.group] || phase.group),
				timeColumn('Start', (phase) => this.at(phase.start)),
				{
					title: 'Duration, ms', isTime: true,
					value: (phase) => (isSeen(phase) ? phase.duration_ns : null),
				},
				{
					title: 'Of the total', isNumber: true, value: (phase) => phase.duration_ns,
					text: (phase) => (isSeen(phase)
						? percent(phase.duration_ns, this.span.duration_ns) : ''),
				},
				...[['Guest', 'wall', 'wall', 1], ['vCPUs', 'cpu', 'cpu', vcpus],
					['Critical chain', 'chain', 'states', 1]].map(([title, member, kind, times]) => ({
					title, value: (phase) => waitShare(phase[member], kind),
					text: (phase) => split(phase[member], kind).map((part) => part.name).join(' '),
					node: (phase) => stack(split(phase[member], kind), phase.duration_ns * times),
				})),
				timeColumn('Runnable, ms', (phase) => number(phase.runnable_ns)),
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
					timeColumn('Start', (link) => this.at(link.start)),
					timeColumn('Duration, ms', (link) => link.end - link.start),
					{
						title: 'Share', value: (link) => link.end - link.start, text: () => '',
						node: (link) => this.bar(link.end - link.start, stateColor(link.state)),
					},
					{
						title: 'State', value: (link) => STATES[link.state] || link.state,
						node: (link) => make('span', {}, swatch(stateColor(link.state)),
							STATES[link.state] || link.state),
					},
					textColumn('Task', (link) => task(link)),
					textColumn('For', owner),
					wideColumn('Detail', (link) => link.detail),
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
				textColumn('Function', (call) => call.function),
				timeColumn('Duration, ms', (call) => number(call.duration_ns)),
				{
					title: 'Ran, waited', value: (call) => number(call.duration_ns), text: () => '',
					node: (call) => stack(split(call.states, 'states'), longest),
				},
				timeColumn('Start', (call) => this.at(call.start)),
				timeColumn('Ran, ms', (call) => number(call.run_ns)),
				timeColumn('Waited, ms', (call) => number(call.wait_ns)),
				textColumn('Level', (call) => call.level),
				numberColumn('Returns', (call) => number(call.return)),
				textColumn('Task', (call) => task(call)),
				textColumn('Chain', (call) => (call.is_on_chain ? 'on it' : '')),
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
				textColumn('Unit', (unit) => unit.name),
				timeColumn('Time to start, ms', (unit) => number(unit.duration_ns)),
				{
					title: 'Time', value: (unit) => number(unit.duration_ns), text: () => '',
					node: (unit) => this.bar(unit.duration_ns,
						unit.result === 'failed' ? 'failed' : 'unit', longest),
				},
				timeColumn('Start', (unit) => this.at(unit.start)),
				timeColumn('Up', (unit) => this.at(unit.active)),
				timeColumn('End', (unit) => this.at(unit.end)),
				textColumn('Result', (unit) => unit.result),
				timeColumn('CPU, ms', (unit) => number(unit.cpu_ns)),
				textColumn('Chain', (unit) => (unit.is_on_chain ? 'on it' : '')),
				wideColumn('What', (unit) => unit.description),
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
				numberColumn('PID', (process) => number(process.pid),
					{ text: (process) => process.pid }),
				numberColumn('Parent', (process) => number(process.parent),
					{ text: (process) => process.parent }),
				timeColumn('Start', (process) => this.at(process.start)),
				timeColumn('Lasts, ms', lasts),
				timeColumn('CPU, ms', (process) => number(process.cpu_ns)),
				timeColumn('Runnable, ms', (process) => number(process.runnable_ns)),
				{
					title: 'Waited, ms', isTime: true,
					value: (process) => sum(split(process.waits, 'waits').map((part) => part.ns)),
				},
				{
					title: 'Ran, waited', value: lasts, text: () => '',
					node: (process) => stack(parts(process), longest),
				},
				textColumn('Unit', (process) => process.unit),
				wideColumn('Program', (process) => process.exec),
			],
		});
	}

	/** waits - every wait of an initcall or a process, the longest first */
	waits() {
		const rows = [];
		const add = (of, kind, name, parts) => parts.forEach((part) =>
			rows.push({ of, kind, name, ...part }));

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
					textColumn('Who', (row) => row.name),
					textColumn('Is', (row) => row.kind),
					{
						title: 'State', value: (row) => row.name && STATES[row.state],
						node: (row) => make('span', {}, swatch(row.color), STATES[row.state]),
					},
					timeColumn('Time, ms', (row) => row.ns),
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
				timeColumn('Start', (mark) => this.at(mark.time)),
				textColumn('Mark', (mark) => mark.name),
				textColumn('Kind', (mark) => mark.kind),
				numberColumn('Port', (mark) => number(mark.port),
					{ text: (mark) => hex(mark.port) }),
				numberColumn('Value', (mark) => number(mark.value),
					{ text: (mark) => hex(mark.value) }),
				wideColumn('Text', (mark) => mark.text),
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
			functions.has_overrun ? make('span', { class: 'quiet' },
				'; the graph was cut, the table was not') : null)];

		if (functions.tree) {
			this.flame = new Flame({ tree: functions.tree, unit, palette: this.palette });
			parts.push(this.flame.node);
		}
		parts.push(this.table({
			name: 'Functions', rows, sort: isTimed ? 3 : 1, isDescending: true,
			omitted: functions.list_omitted,
			onSelect: (row) => this.flame && this.flame.find(text(row.name)),
			columns: [
				textColumn('Function', (row) => row.name),
				numberColumn('Calls', (row) => number(row.calls)),
				timeColumn('Total, ms', (row) => number(row.total_ns)),
				timeColumn('Self, ms', (row) => number(row.self_ns)),
				{
					title: 'Share', text: () => '',
					value: (row) => number(isTimed ? row.self_ns : row.calls),
					node: (row) => this.bar(isTimed ? row.self_ns : row.calls, 'flame-0', most),
				},
				timeColumn('Longest, ms', (row) => number(row.max_ns)),
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
			['Clock error', number(meta.clock_error_ns) === null ? null
				: 'up to ' + duration(meta.clock_error_ns)],
			['Guest ended by', [meta.end_reason, meta.end_text].filter(Boolean).map(text).join(': ')],
			['Event systems', sources.join(', ')],
			['End marker', meta.marker && `${text(meta.marker.name)}: ${text(meta.marker.what)}`],
			['Written by', meta.tool],
		];

		return make('dl', { class: 'about' }, facts.filter(([, value]) => text(value) !== '')
			.map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
	}
}
