// SPDX-License-Identifier: GPL-2.0-only
/* What is known of an item, in words: for the tooltip and for the details. */

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

/**
 * factsOf - what is known of an item: { title, facts, stacks }
 *
 * FACTS are [name, value]; STACKS are [name, parts].
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
