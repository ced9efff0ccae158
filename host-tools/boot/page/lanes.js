// SPDX-License-Identifier: GPL-2.0-only
/*
 * The report as lanes of a timeline. A group of lanes has rows; a row has items
 * that do not overlap, in order of time: { start, end, name, color, kind, of },
 * `of` is the entry of the report. The slices of a vCPU stay as they are in the
 * report, there may be many: itemOfSlice() makes an item of one.
 */

const ROW = 17;

/**
 * pack - items in as few rows as they need, each in the first that is free
 *
 * A row stays taken for GAP longer than the item lasts, so that the ends of two
 * neighbours can be told apart.
 */
function pack(items, gap) {
	const ends = [], rows = [];

	for (const item of items) {
		let at = ends.findIndex((end) => end <= item.start);

		if (at < 0) {
			at = ends.length;
			rows.push([]);
		}
		ends[at] = item.end + gap;
		rows[at].push(item);
	}
	return rows;
}

function byStart(a, b) {
	return a.start - b.start || b.end - a.end;
}

/** timed - items of entries; what has no start cannot be drawn */
function timed(entries, span, more) {
	return list(entries).filter((one) => number(one.start) !== null).map((one) => ({
		start: one.start,
		end: Math.max(one.start, number(one.end) === null ? span.end : one.end),
		isOpen: number(one.end) === null,
		isOnChain: Boolean(one.is_on_chain),
		of: one,
		...more(one),
	})).sort(byStart);
}

/** share - how strong a bar is: the more of its time it ran, the stronger */
function share(part, whole) {
	return whole > 0 && number(part) !== null ? 0.28 + 0.72 * clamp(part / whole, 0, 1) : 1;
}

function isDrawn(phase) {
	return number(phase.start) !== null && phase.end > phase.start;
}

function phaseItems(span) {
	return timed(list(span.phases).filter(isDrawn), span, (phase) => ({
		kind: 'phase', name: phase.name, color: groupColor(phase.group),
	}));
}

/** linkName - whose time it is, and what it waits for: not by colour alone */
function linkName(link) {
	const owner = text((link.owner && link.owner.name) || link.comm);

	if (!owner)
		return STATES[link.state] || text(link.state);
	return ['running', 'vmm', 'firmware'].includes(link.state) ? owner
		: `${owner}: ${text(link.state)}`;
}

function chainItems(span) {
	return timed(span.chain, span, (link) => ({
		kind: 'link', name: linkName(link),
		color: stateColor(link.state), isOnChain: false,
	}));
}

function markItems(span) {
	return list(span.marks).filter((mark) => number(mark.time) !== null).map((mark) => ({
		kind: 'mark', name: mark.name, color: 'mark', start: mark.time, end: mark.time, of: mark,
	})).sort(byStart);
}

function unitItems(span) {
	return timed(span.units, span, (unit) => ({
		kind: 'unit', name: unit.name, active: number(unit.active),
		color: unit.result === 'failed' ? 'failed' : 'unit',
		end: Math.max(unit.start, number(unit.end) !== null ? unit.end
			: unit.result === 'failed' && number(unit.active) === null ? unit.start : span.end),
	}));
}

function processItems(span, isKernel) {
	return timed(list(span.processes).filter((one) => Boolean(one.is_kernel) === isKernel), span,
		(process) => ({
			kind: 'process', name: process.comm, color: taskColor(process.comm),
			strength: share(process.cpu_ns, (number(process.end) === null ? span.end
				: process.end) - process.start),
		}));
}

function initcallItems(span) {
	return timed(span.initcalls, span, (call) => ({
		kind: 'initcall', name: call.function, color: 'initcall',
		strength: share(call.run_ns, call.duration_ns),
	}));
}

/** itemOfSlice - what a vCPU does in a slice of its row */
function itemOfSlice({ vcpu, colors }, slice) {
	const [start, end, state, index] = slice;
	const task = list(vcpu.tasks)[index];
	const names = ['idle', task ? task.comm : 'task', 'interrupt'];

	return {
		kind: 'slice', start, end, name: names[state] || 'not known', color: sliceColor(slice, colors),
		of: { vcpu, state, task, start, end },
	};
}

/** sliceColor - COLORS are those of the vCPU's tasks */
function sliceColor([, , state, task], colors) {
	if (state === 0)
		return 'state-idle';
	return state === 2 ? 'state-irq' : colors[task] || 'task-none';
}

/**
 * lanesOf - all groups of lanes of a span
 *
 * Return: [{ id, name, rows }], a row being { label, items, style } with style
 * "bars", "marks", "labels" (the name stands beside the bar) or "vcpu" (then
 * `vcpu` instead of items). A group without rows is left out.
 */
function lanesOf(span) {
	const gap = (span.end - span.start) / 1500;
	/* a process beside the next one; initcalls follow each other anyway */
	const packed = (items, apart) => pack(items, apart).map((row) => ({ items: row, style: 'bars' }));
	const one = (items, style) => (items.length ? [{ items, style }] : []);
	const groups = [
		{ id: 'phases', name: 'Phases', rows: one(phaseItems(span), 'bars') },
		{ id: 'marks', name: 'Marks', rows: one(markItems(span), 'marks') },
		{ id: 'chain', name: 'Critical chain', rows: one(chainItems(span), 'bars') },
		{
			id: 'vcpus', name: 'vCPUs',
			rows: list(span.vcpus).map((vcpu) => ({
				label: 'CPU ' + text(vcpu.cpu), style: 'vcpu', vcpu, slices: list(vcpu.slices),
				colors: list(vcpu.tasks).map((one) => taskColor(one.comm)),
			})),
		},
		{ id: 'initcalls', name: 'Initcalls', rows: packed(initcallItems(span), 0) },
		{
			id: 'units', name: 'Units',
			rows: unitItems(span).map((item) => ({ items: [item], style: 'labels' })),
		},
		{ id: 'processes', name: 'Processes', rows: packed(processItems(span, false), gap) },
		{ id: 'kernel', name: 'Kernel threads', rows: packed(processItems(span, true), gap) },
	];

	return groups.filter((group) => group.rows.length);
}
