// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table that can be sorted by each of its columns and filtered by text. Rows
 * may stand for a time: then a click takes the timeline there.
 */

const TABLE_STEP = 200;

/**
 * Table - a column is { title, value(row) } and, where they differ from that:
 * text(row), node(row); isTime (ns, shown in ms), isNumber, isWide. A value of
 * null sorts last, whichever way.
 */
class Table {
	/**
	 * @sort: the column to begin with; @least: the column that can be asked to be
	 * long; @omitted: how many rows the report left out
	 */
	constructor({ name, columns, rows, sort, isDescending, least, onSelect, omitted }) {
		Object.assign(this, { name, columns, rows, onSelect, omitted });
		this.least = least === undefined ? null : columns[least];
		this.sort = sort === undefined ? null : sort;
		this.isDescending = Boolean(isDescending);
		this.limit = TABLE_STEP;
		this.selected = null;
		this.build();
		this.update();
	}

	build() {
		this.filter = make('input', {
			type: 'search', placeholder: 'Filter', spellcheck: 'false', autocomplete: 'off',
			'aria-label': `Filter ${this.name}`,
			on: { input: () => { this.limit = TABLE_STEP; this.update(); } },
		});
		this.from = make('input', {
			type: 'number', min: '0', step: 'any', placeholder: '0',
			'aria-label': `Only ${this.name} of at least this many milliseconds`,
			on: { input: () => { this.limit = TABLE_STEP; this.update(); } },
		});
		this.shown = make('span', { class: 'quiet', role: 'status' });
		this.heads = this.columns.map((column, index) => make('th', {
			scope: 'col', class: column.isTime || column.isNumber ? 'number' : null,
		}, make('button', { type: 'button', on: { click: () => this.sortBy(index) } },
			column.title)));
		this.body = make('tbody');
		this.more = make('button', {
			type: 'button', class: 'more', hidden: true,
			on: { click: () => { this.limit = Infinity; this.update(); } },
		});
		this.node = make('div', { class: 'listing' },
			make('div', { class: 'tools' }, this.filter,
				this.least && make('label', {}, 'at least ', this.from, ' ms'), this.shown),
			make('div', { class: 'scroll' },
				make('table', { 'aria-label': this.name },
					make('thead', {}, make('tr', {}, this.heads)), this.body)),
			this.more);
	}

	sortBy(index) {
		const column = this.columns[index];

		/* the longest first, names from A */
		this.isDescending = this.sort === index ? !this.isDescending
			: Boolean(column.isTime || column.isNumber) && column.title !== 'Start';
		this.sort = index;
		this.update();
	}

	/** cellText - what a cell says, which is also what is filtered */
	cellText(column, row) {
		if (column.text)
			return text(column.text(row));
		const value = column.value(row);

		if (column.isTime)
			return value === 0 && column.title !== 'Start' ? '0' : ms(value);
		return column.isNumber ? count(value) : text(value);
	}

	sorted(rows) {
		if (this.sort === null)
			return rows;
		const { value } = this.columns[this.sort];
		const sign = this.isDescending ? -1 : 1;
		const keyed = rows.map((row, index) => ({ row, index, key: value(row) }));

		keyed.sort((a, b) => {
			const none = (a.key === null || a.key === undefined) -
				(b.key === null || b.key === undefined);

			if (none)
				return none;
			if (typeof a.key === 'number' && typeof b.key === 'number')
				return sign * (a.key - b.key) || a.index - b.index;
			return sign * text(a.key).localeCompare(text(b.key)) || a.index - b.index;
		});
		return keyed.map((one) => one.row);
	}

	row(row) {
		const node = make('tr', {}, this.columns.map((column) => {
			const kind = column.isTime || column.isNumber ? 'number'
				: column.isWide ? 'wide' : null;
			const string = column.node ? null : this.cellText(column, row);

			return make('td', { class: kind, title: kind === 'number' ? null : string },
				column.node ? column.node(row) : string);
		}));

		if (this.onSelect) {
			/* a button for the keyboard; the mouse may click anywhere */
			const first = node.firstChild;

			show(first, make('button', { type: 'button', class: 'plain' }, ...first.childNodes));
			node.classList.add('link');
			node.addEventListener('click', () => {
				this.select(row);
				this.onSelect(row);
			});
		}
		node.classList.toggle('selected', row === this.selected);
		this.nodes.set(row, node);
		return node;
	}

	select(row) {
		const before = this.nodes.get(this.selected), now = this.nodes.get(row);

		if (before)
			before.classList.remove('selected');
		if (now)
			now.classList.add('selected');
		this.selected = row;
	}

	update() {
		const wanted = this.filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
		const least = (Number(this.from.value) || 0) * 1e6;
		const rows = this.sorted(this.rows.filter((row) => {
			if (this.least && least > 0 && !(this.least.value(row) >= least))
				return false;
			if (!wanted.length)
				return true;
			const all = this.columns.map((column) => this.cellText(column, row)).join('\n')
				.toLowerCase();

			return wanted.every((word) => all.includes(word));
		}));
		const some = rows.slice(0, this.limit);
		const omitted = number(this.omitted)
			? `; ${count(this.omitted)} shorter ones are not in the report` : '';

		this.nodes = new Map();
		show(this.body, ...some.map((row) => this.row(row)));
		this.heads.forEach((head, index) => {
			if (index === this.sort)
				head.setAttribute('aria-sort', this.isDescending ? 'descending' : 'ascending');
			else
				head.removeAttribute('aria-sort');
		});
		this.shown.textContent = (rows.length === this.rows.length ? count(rows.length)
			: `${count(rows.length)} of ${count(this.rows.length)}`) + omitted;
		this.more.hidden = some.length === rows.length;
		this.more.textContent = `Show all ${count(rows.length)}`;
	}
}
