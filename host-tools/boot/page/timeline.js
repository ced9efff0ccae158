// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timeline: an overview of all, an axis, and the lanes (lanes.js). One range
 * of time is looked at, [from, to); everything that moves only changes that and
 * asks for a new drawing.
 */

const GUTTER = 116;
const HEAD = 19;
const PAD = 7;
const FONT = '11px system-ui, "DejaVu Sans", sans-serif';
const OVERVIEW = 44;
const AXIS = 22;
const MIN_RANGE = 200;
const MIN_HEIGHT = 340;
const TOUCH = 3;

class Timeline {
	/**
	 * @span: what is shown; @palette: Palette
	 * @onSelect: called with an item, or null
	 * @describe: item -> { title, lines } for the tooltip
	 */
	constructor({ span, palette, onSelect, describe }) {
		Object.assign(this, { span, palette, onSelect, describe });
		this.groups = lanesOf(span);
		this.closed = new Set(['kernel']);
		this.wanted = '';
		this.selected = null;
		this.hovered = null;
		this.pointers = new Map();
		this.drag = null;
		this.from = span.start;
		this.to = Math.max(span.end, span.start + 1);
		this.build();
		this.layout();
		this.observer = new ResizeObserver(() => this.draw());
		this.observer.observe(this.lanes);
	}

	/** close - nothing more is drawn */
	close() {
		this.observer.disconnect();
		this.isClosed = true;
	}

	build() {
		this.overview = make('canvas', { class: 'overview', 'aria-hidden': 'true' });
		this.axis = make('canvas', { class: 'axis', 'aria-hidden': 'true' });
		this.canvas = make('canvas', { 'aria-hidden': 'true' });
		this.spacer = make('div');
		this.lanes = make('div', {
			class: 'lanes', tabindex: '0', role: 'application',
			'aria-label': 'Timeline. Arrow keys move, plus and minus zoom, 0 shows all, ' +
				'n and p go to the next and previous item. The tables below hold the same data.',
		}, this.canvas, this.spacer);
		this.node = make('div', { class: 'drawn' }, this.overview, this.axis, this.lanes);
		this.listen();
	}

	/** layout - where each row is, for what is open and wanted */
	layout() {
		const words = this.wanted;
		const fits = (item) => text(item.name).toLowerCase().includes(words);
		let y = 0;

		this.rows = [];
		for (const group of this.groups) {
			const isOpen = !this.closed.has(group.id);

			this.rows.push({ style: 'head', group, isOpen, y, height: HEAD });
			y += HEAD;
			for (const row of isOpen ? group.rows : []) {
				/* units have a row each: those that do not fit make room */
				if (words && row.style === 'labels' && !fits(row.items[0]))
					continue;
				this.rows.push({ ...row, group, y, height: ROW });
				y += ROW;
			}
			if (isOpen)
				y += 3;
		}
		this.height = y + 4;
		/* as high as it needs, until somebody makes it higher or lower */
		if (!this.fitted || this.fitted === this.lanes.style.height) {
			this.fitted = clamp(this.height, MIN_HEIGHT, Math.max(MIN_HEIGHT, innerHeight * 0.5)) + 'px';
			this.lanes.style.height = this.fitted;
			this.fitted = this.lanes.style.height;
		}
		this.draw();
	}

	/* ---- the range ---- */

	setRange(from, to) {
		const low = this.span.start, high = Math.max(this.span.end, low + 1);
		const width = clamp(to - from, Math.min(MIN_RANGE, high - low), high - low);

		this.from = clamp(from, low, high - width);
		this.to = this.from + width;
		this.draw();
	}

	zoom(factor, at = (this.from + this.to) / 2) {
		this.setRange(at - (at - this.from) * factor, at + (this.to - at) * factor);
	}

	pan(share) {
		const by = (this.to - this.from) * share;

		this.setRange(this.from + by, this.to + by);
	}

	showAll() {
		this.setRange(this.span.start, this.span.end);
	}

	/** zoomTo - an item, with something of what is around it */
	zoomTo(item) {
		const width = Math.max(item.end - item.start, (this.span.end - this.span.start) / 5000);
		const middle = (item.start + item.end) / 2;

		this.setRange(middle - 0.65 * width, middle + 0.65 * width);
		this.reveal(item);
	}

	/** find - the item that stands for an entry of the report, or null */
	find(entry) {
		for (const group of this.groups)
			for (const row of group.rows)
				for (const item of row.items || [])
					if (item.of === entry)
						return item;
		return null;
	}

	/** reveal - scroll the lanes so that an item's row is in sight */
	reveal(item) {
		const home = this.groups.find((group) => group.rows.some(
			(row) => row.items && row.items.includes(item)));

		if (home && this.closed.delete(home.id))
			this.layout();
		const row = this.rows.find((one) => one.items && one.items.includes(item));

		if (!row)
			return;
		const top = this.lanes.scrollTop, high = this.lanes.clientHeight;

		if (row.y < top + HEAD || row.y + ROW > top + high)
			this.lanes.scrollTop = Math.max(0, row.y - high / 3);
	}

	select(item) {
		this.selected = item;
		this.draw();
		this.onSelect(item);
	}

	isSelected(item) {
		return this.selected !== null && (item === this.selected ||
			(item.kind === 'slice' && this.selected.kind === 'slice' &&
			 item.of.vcpu === this.selected.of.vcpu && item.start === this.selected.start));
	}

	/* ---- places ---- */

	get width() {
		return Math.max(this.lanes.clientWidth, GUTTER + 60);
	}

	get plot() {
		return this.width - GUTTER - PAD;
	}

	x(time) {
		return GUTTER + (time - this.from) / (this.to - this.from) * this.plot;
	}

	time(x) {
		return this.from + (x - GUTTER) / this.plot * (this.to - this.from);
	}

	/** the same in the overview, which always shows all */
	overviewTime(x) {
		return this.span.start + clamp((x - GUTTER) / this.plot, 0, 1) *
			(this.span.end - this.span.start);
	}

	overviewX(time) {
		return GUTTER + (time - this.span.start) / (this.span.end - this.span.start || 1) *
			this.plot;
	}

	rowAt(y) {
		const at = y + this.lanes.scrollTop;

		return this.rows.find((row) => at >= row.y && at < row.y + row.height) || null;
	}

	/** itemAt - the item under a place, or a thin one near to it */
	itemAt(x, y) {
		const row = this.rowAt(y);

		if (!row || row.style === 'head' || x < GUTTER)
			return null;
		const time = this.time(x);

		if (row.style === 'vcpu') {
			const slice = row.slices[lowerBound(row.slices, (one) => one[1] <= time)];

			return slice && slice[0] <= time ? itemOfSlice(row, slice) : null;
		}
		const next = lowerBound(row.items, (item) => item.start <= time);
		const near = row.items.slice(Math.max(0, next - 1), next + 1).map((item) => {
			const right = row.style === 'labels' ? this.labelEnd(item) : this.x(item.end);

			return { item, away: Math.max(this.x(item.start) - x, x - right, 0) };
		}).filter((one) => one.away <= TOUCH).sort((a, b) => a.away - b.away);

		return near.length ? near[0].item : null;
	}

	labelEnd(item) {
		return Math.max(this.x(item.end), this.x(item.start) + 7 * text(item.name).length);
	}

	/* ---- what people do ---- */

	listen() {
		const { canvas, lanes, overview, axis } = this;
		const at = (event) => {
			const box = event.currentTarget.getBoundingClientRect();

			return { x: event.clientX - box.left, y: event.clientY - box.top };
		};

		canvas.addEventListener('pointerdown', (event) => this.down(event, at(event)));
		canvas.addEventListener('pointermove', (event) => this.move(event, at(event)));
		canvas.addEventListener('pointerup', (event) => this.up(event, at(event)));
		canvas.addEventListener('pointercancel', (event) => this.pointers.delete(event.pointerId));
		canvas.addEventListener('pointerleave', () => this.hover(null));
		canvas.addEventListener('dblclick', (event) => {
			const item = this.itemAt(at(event).x, at(event).y);

			if (item)
				this.zoomTo(item);
		});
		lanes.addEventListener('scroll', () => this.draw());
		lanes.addEventListener('keydown', (event) => this.key(event));
		for (const node of [canvas, axis, overview])
			node.addEventListener('wheel', (event) => this.wheel(event, at(event), node !== canvas),
				{ passive: false });
		for (const node of [axis, overview]) {
			node.addEventListener('pointerdown', (event) => this.rangeDown(event, at(event)));
			node.addEventListener('pointermove', (event) => this.rangeMove(event, at(event)));
			node.addEventListener('pointerup', (event) => this.rangeUp(event, at(event)));
			node.addEventListener('pointercancel', () => { this.range = null; this.draw(); });
			node.addEventListener('dblclick', () => this.showAll());
		}
	}

	wheel(event, { x }, isZoom) {
		const step = event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 400 : 1;
		const dx = event.deltaX * step, dy = event.deltaY * step;

		if (event.ctrlKey || event.metaKey || (isZoom && Math.abs(dy) >= Math.abs(dx))) {
			const speed = event.ctrlKey && Math.abs(dy) < 40 ? 0.01 : 0.002;
			const time = event.currentTarget === this.overview ? this.overviewTime(x) : this.time(x);

			event.preventDefault();
			this.zoom(Math.exp(clamp(dy, -400, 400) * speed), clamp(time, this.from, this.to));
		} else if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) {
			event.preventDefault();
			this.pan((dx || dy) / this.plot);
		}
	}

	down(event, { x, y }) {
		if (event.button)
			return;
		this.canvas.setPointerCapture(event.pointerId);
		this.pointers.set(event.pointerId, { x, y });
		this.drag = {
			x, y, from: this.from, to: this.to, top: this.lanes.scrollTop,
			isMoved: this.pointers.size > 1,
		};
		if (this.pointers.size === 2) {
			const [a, b] = [...this.pointers.values()];

			this.drag.apart = Math.max(Math.abs(a.x - b.x), 10);
			this.drag.at = this.time((a.x + b.x) / 2);
		}
		this.hover(null);
	}

	move(event, { x, y }) {
		if (!this.pointers.has(event.pointerId)) {
			this.hover(this.itemAt(x, y), event);
			this.canvas.style.cursor = this.hovered ? 'pointer'
				: x < GUTTER ? 'default' : 'grab';
			return;
		}
		const drag = this.drag;

		this.pointers.set(event.pointerId, { x, y });
		if (this.pointers.size === 2 && drag.apart) {
			const [a, b] = [...this.pointers.values()];
			const factor = drag.apart / Math.max(Math.abs(a.x - b.x), 10);
			const width = (drag.to - drag.from) * factor;
			const from = drag.at - ((a.x + b.x) / 2 - GUTTER) / this.plot * width;

			this.setRange(from, from + width);
			return;
		}
		if (Math.abs(x - drag.x) + Math.abs(y - drag.y) > 4)
			drag.isMoved = true;
		if (!drag.isMoved || drag.apart)
			return;
		const by = (drag.x - x) / this.plot * (drag.to - drag.from);

		this.setRange(drag.from + by, drag.to + by);
		if (event.pointerType === 'mouse')
			this.lanes.scrollTop = drag.top + drag.y - y;
	}

	up(event, { x, y }) {
		const isClick = this.pointers.has(event.pointerId) && this.drag && !this.drag.isMoved;

		this.pointers.delete(event.pointerId);
		if (!isClick)
			return;
		const row = this.rowAt(y);

		if (row && row.style === 'head')
			this.toggle(row.group.id);
		else
			this.select(this.itemAt(x, y));
	}

	rangeDown(event, { x }) {
		if (event.button)
			return;
		const isOverview = event.currentTarget === this.overview;
		const time = isOverview ? this.overviewTime(x) : this.time(x);

		event.currentTarget.setPointerCapture(event.pointerId);
		this.range = {
			isOverview, x, begin: time, end: time, from: this.from, to: this.to,
			isWindow: isOverview && time > this.from && time < this.to &&
				this.to - this.from < 0.98 * (this.span.end - this.span.start),
		};
	}

	rangeMove(event, { x }) {
		const range = this.range;

		if (!range)
			return;
		range.end = clamp(range.isOverview ? this.overviewTime(x) : this.time(x),
			range.isOverview ? this.span.start : this.from,
			range.isOverview ? this.span.end : this.to);
		if (range.isWindow)
			this.setRange(range.from + range.end - range.begin, range.to + range.end - range.begin);
		this.draw();
	}

	rangeUp(event, { x }) {
		const range = this.range;

		this.range = null;
		if (!range)
			return;
		if (Math.abs(x - range.x) > 4) {
			if (!range.isWindow)
				this.setRange(Math.min(range.begin, range.end), Math.max(range.begin, range.end));
		} else if (range.isOverview) {
			const half = (range.to - range.from) / 2;

			this.setRange(range.begin - half, range.begin + half);
		}
		this.draw();
	}

	key(event) {
		const by = event.shiftKey ? 0.5 : 0.1;
		const actions = {
			ArrowLeft: () => this.pan(-by),
			ArrowRight: () => this.pan(by),
			'+': () => this.zoom(0.7),
			'=': () => this.zoom(0.7),
			'-': () => this.zoom(1 / 0.7),
			0: () => this.showAll(),
			Home: () => this.showAll(),
			n: () => this.step(1),
			p: () => this.step(-1),
			Enter: () => this.selected && this.zoomTo(this.selected),
			Escape: () => this.select(null),
		};

		if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in actions))
			return;
		event.preventDefault();
		actions[event.key]();
	}

	/** step - select the next item of the row, or the first that is in sight */
	step(by) {
		const rows = this.rows.filter((row) => row.items);
		const home = rows.find((row) => row.items.includes(this.selected));
		let item;

		if (home) {
			item = home.items[home.items.indexOf(this.selected) + by];
			if (!item)
				item = (rows[rows.indexOf(home) + by] || { items: [] }).items.at(by > 0 ? 0 : -1);
		} else if (rows.length) {
			item = rows[0].items.find((one) => one.end > this.from);
		}
		if (!item)
			return;
		if (item.end < this.from || item.start > this.to)
			this.zoomTo(item);
		this.reveal(item);
		this.select(item);
	}

	toggle(id) {
		if (!this.closed.delete(id))
			this.closed.add(id);
		this.layout();
		if (this.onToggle)
			this.onToggle();
	}

	filter(words) {
		this.wanted = words.trim().toLowerCase();
		this.layout();
	}

	hover(item, event) {
		this.hovered = item;
		if (!item) {
			tip.hide();
			return;
		}
		const { title, lines } = this.describe(item);

		tip.show(event.clientX, event.clientY, title, lines);
	}

	/* ---- drawing ---- */

	draw() {
		if (this.isAsked || this.isClosed)
			return;
		this.isAsked = true;
		requestAnimationFrame(() => {
			this.isAsked = false;
			if (!this.isClosed && this.node.isConnected)
				this.drawNow();
		});
	}

	drawNow() {
		const height = this.lanes.clientHeight;

		this.spacer.style.height = Math.max(0, this.height - height) + 'px';
		this.drawOverview();
		this.drawAxis();
		this.drawLanes(height);
		/* what is looked at, for who reads the document */
		this.node.dataset.from = Math.round(this.from);
		this.node.dataset.to = Math.round(this.to);
	}

	/** ticks - times of the axis, about 90 pixels apart, at 1, 2 or 5 times 10^n */
	ticks() {
		const rough = (this.to - this.from) / Math.max(1, this.plot / 90);
		const base = 10 ** Math.floor(Math.log10(rough));
		const step = base * [1, 2, 5, 10].find((times) => times * base >= rough);
		const times = [];
		const zero = this.span.start;

		for (let n = Math.ceil((this.from - zero) / step); zero + n * step <= this.to; n++)
			times.push(zero + n * step);
		return { times, digits: clamp(6 - Math.floor(Math.log10(step) + 1e-9), 0, 6) };
	}

	drawAxis() {
		const context = fitCanvas(this.axis, this.width, AXIS);
		const { times, digits } = this.ticks();
		const { palette } = this;

		context.font = FONT;
		context.textBaseline = 'middle';
		context.fillStyle = palette.of('quiet');
		context.fillText(duration(Math.round(this.to - this.from)) + ' in sight', 6, AXIS / 2);
		for (const time of times) {
			const x = Math.round(this.x(time));

			context.fillStyle = palette.of('line-strong');
			context.fillRect(x, AXIS - 6, 1, 6);
			context.fillStyle = palette.of('ink');
			const label = ms(time - this.span.start, digits) + (time === times[0] ? ' ms' : '');

			if (x + context.measureText(label).width + 4 < this.width)
				context.fillText(label, x + 3, AXIS / 2);
		}
		if (this.range && !this.range.isOverview)
			this.drawRange(context, this.x(this.range.begin), this.x(this.range.end), AXIS);
	}

	drawRange(context, a, b, height) {
		context.globalAlpha = 0.25;
		context.fillStyle = this.palette.of('accent');
		context.fillRect(Math.min(a, b), 0, Math.abs(a - b), height);
		context.globalAlpha = 1;
	}

	/** load - for the overview: share of the vCPUs that run, per pixel */
	load() {
		const columns = Math.max(1, Math.round(this.plot));

		if (this.loads && this.loads.length === columns)
			return this.loads;
		const loads = new Float32Array(columns);
		const perColumn = (this.span.end - this.span.start) / columns || 1;
		const vcpus = list(this.span.vcpus);

		for (const vcpu of vcpus) {
			for (const [start, end, state] of list(vcpu.slices)) {
				if (!state)
					continue;
				let at = clamp(Math.floor((start - this.span.start) / perColumn), 0, columns - 1);

				for (let time = start; time < end && at < columns; at++) {
					const next = Math.min(end, this.span.start + (at + 1) * perColumn);

					loads[at] += Math.max(0, next - time) / perColumn / vcpus.length;
					time = next;
				}
			}
		}
		this.loads = loads;
		return loads;
	}

	drawOverview() {
		const context = fitCanvas(this.overview, this.width, OVERVIEW);
		const { palette } = this;
		const base = OVERVIEW - 10;

		context.font = FONT;
		context.textBaseline = 'middle';
		context.fillStyle = palette.of('quiet');
		context.fillText('Busy vCPUs', 6, base / 2 + 2);
		context.fillStyle = palette.of('state-running');
		this.load().forEach((load, column) => {
			if (load > 0)
				context.fillRect(GUTTER + column, base - load * (base - 4), 1, load * (base - 4));
		});
		for (const item of phaseItems(this.span)) {
			const x = this.overviewX(item.start);

			context.fillStyle = palette.of(item.color);
			context.fillRect(x, base + 2, Math.max(0.5, this.overviewX(item.end) - x - 0.5), 6);
		}

		const left = this.overviewX(this.from), right = this.overviewX(this.to);

		context.globalAlpha = 0.72;
		context.fillStyle = palette.of('panel');
		context.fillRect(GUTTER, 0, left - GUTTER, OVERVIEW);
		context.fillRect(right, 0, GUTTER + this.plot - right, OVERVIEW);
		context.globalAlpha = 1;
		context.strokeStyle = palette.of('accent');
		context.lineWidth = 1.5;
		context.strokeRect(left, 0.75, Math.max(2, right - left), OVERVIEW - 1.5);
		if (this.range && this.range.isOverview && !this.range.isWindow)
			this.drawRange(context, this.overviewX(this.range.begin),
				this.overviewX(this.range.end), OVERVIEW);
	}

	drawLanes(height) {
		const context = fitCanvas(this.canvas, this.width, height);
		const { palette } = this;
		const top = this.lanes.scrollTop;

		context.font = FONT;
		context.textBaseline = 'middle';
		context.fillStyle = palette.of('line');
		for (const time of this.ticks().times)
			context.fillRect(Math.round(this.x(time)), 0, 1, height);
		this.drawEdges(context, height);

		for (const row of this.rows) {
			const y = row.y - top;

			if (y + row.height < 0 || y > height)
				continue;
			if (row.style === 'head') {
				this.drawHead(context, row, y);
				continue;
			}
			context.save();
			context.beginPath();
			context.rect(GUTTER, y, this.plot, row.height);
			context.clip();
			if (row.style === 'vcpu')
				this.drawVcpu(context, row, y);
			else if (row.style === 'marks')
				this.drawMarks(context, row, y);
			else
				this.drawItems(context, row, y);
			context.restore();
			if (row.label) {
				context.fillStyle = palette.of('quiet');
				drawText(context, row.label, 18, y + row.height / 2, GUTTER - 22);
			}
		}
	}

	/** drawEdges - faint lines where a group of phases begins */
	drawEdges(context, height) {
		let before = null;

		for (const phase of list(this.span.phases).filter(isDrawn)) {
			if (before !== null && phase.group !== before) {
				context.fillStyle = this.palette.of('line-strong');
				context.fillRect(Math.round(this.x(phase.start)), 0, 1, height);
			}
			before = phase.group;
		}
	}

	drawHead(context, row, y) {
		const { palette } = this;

		context.fillStyle = palette.of('panel');
		context.fillRect(0, y + 1, this.width, HEAD - 2);
		context.fillStyle = palette.of('ink');
		context.font = '600 ' + FONT;
		context.fillText((row.isOpen ? '\u25be ' : '\u25b8 ') + row.group.name, 4, y + HEAD / 2);
		context.font = FONT;
		const total = row.group.rows.reduce((sum, one) => sum + (one.items || [0]).length, 0);

		if (['initcalls', 'units', 'processes', 'kernel'].includes(row.group.id)) {
			context.fillStyle = palette.of('quiet');
			context.fillText(count(total), GUTTER + 4, y + HEAD / 2);
		}
	}

	/** isFaint - true: the filter is for something else */
	isFaint(name) {
		return this.wanted !== '' && !text(name).toLowerCase().includes(this.wanted);
	}

	drawItems(context, row, y) {
		const first = Math.max(0, lowerBound(row.items, (item) => item.start < this.from) - 1);
		/* what shares a pixel: who has most of it gives the colour */
		let column = -1, longest = null;
		const flush = () => {
			if (longest)
				this.drawItem(context, row, longest, { left: column, width: 1, y });
			longest = null;
		};

		for (let at = first; at < row.items.length && row.items[at].start <= this.to; at++) {
			const item = row.items[at];
			const x = this.x(item.start), right = this.x(item.end);
			const left = Math.max(x, GUTTER - 2);
			const width = Math.min(right, this.width + 2) - left;

			if (right < GUTTER && row.style !== 'labels')
				continue;
			if (width < 1 && row.style === 'bars' && !this.isSelected(item)) {
				if (Math.floor(left) !== column)
					flush();
				column = Math.floor(left);
				if (!longest || item.end - item.start > longest.end - longest.start)
					longest = item;
				continue;
			}
			flush();
			this.drawItem(context, row, item, { left, width: Math.max(width, 1), y, x, right });
		}
		flush();
	}

	drawItem(context, row, item, { left, width, y, x, right }) {
		const { palette } = this;
		const isFaint = this.isFaint(item.name);

		context.globalAlpha = isFaint ? 0.12 : item.strength || 1;
		context.fillStyle = palette.of(item.color);
		if (row.style === 'labels')
			this.drawUnit(context, item, x, right, y);
		else
			context.fillRect(left, y + 1, width > 3 ? width - 1 : width, ROW - 2);
		if (item.isOnChain && !isFaint) {
			context.globalAlpha = 1;
			context.fillStyle = palette.of('chain');
			context.fillRect(left, y + ROW - 3, width, 2);
		}
		if (row.style === 'bars' && width > 18) {
			context.globalAlpha = isFaint ? 0.3 : 1;
			context.fillStyle = item.strength < 0.65 ? palette.of('ink') : palette.ink(item.color);
			drawText(context, item.name, left + 3, y + ROW / 2, width - 6);
		}
		context.globalAlpha = 1;
		if (this.isSelected(item))
			this.drawSelection(context, left, y, Math.max(width, 3));
	}

	/** drawUnit - strong while it starts, pale while it is up, its name beside */
	drawUnit(context, item, x, right, y) {
		const { palette } = this;
		const strength = context.globalAlpha;
		const up = item.active === null ? right : this.x(item.active);

		if (item.active !== null && right > up) {
			context.globalAlpha = 0.28 * strength;
			context.fillRect(up, y + 2, right - up, ROW - 4);
		}
		context.globalAlpha = strength;
		context.fillRect(x, y + 2, Math.max(up - x, 1.5), ROW - 4);

		const label = text(item.name) + (item.active !== null && item.active > item.start
			? '  ' + duration(item.active - item.start) : '');
		const width = Math.min(context.measureText(label).width, 400);
		const isInside = up - x > width + 10;
		let at = isInside ? Math.max(x, GUTTER) + 4 : Math.max(up, GUTTER) + 4;

		/* at the right edge it goes to the left of the bar */
		if (!isInside && at + width > this.width && x - width - 5 > GUTTER)
			at = x - width - 5;
		context.fillStyle = isInside ? palette.ink(item.color) : palette.of('ink');
		drawText(context, label, at, y + ROW / 2, 400);
	}

	drawSelection(context, x, y, width) {
		context.strokeStyle = this.palette.of('hit');
		context.lineWidth = 2;
		context.strokeRect(x, y + 1, width, ROW - 2);
	}

	drawMarks(context, row, y) {
		const { palette } = this;
		let free = GUTTER;

		row.items.forEach((item, index) => {
			const x = this.x(item.start);

			if (x < GUTTER - 1 || x > this.width)
				return;
			context.globalAlpha = this.isFaint(item.name) ? 0.2 : 1;
			context.fillStyle = palette.of(this.isSelected(item) ? 'hit' : 'mark');
			context.beginPath();
			context.moveTo(x - 3, y + 2);
			context.lineTo(x + 3, y + 2);
			context.lineTo(x, y + 7);
			context.fill();
			context.fillRect(x - 0.5, y + 2, 1, ROW - 4);
			const next = row.items[index + 1];
			const room = Math.min(next ? this.x(next.start) : this.width, this.width) - x - 10;

			if (x >= free && room > 24) {
				context.fillStyle = palette.of('ink');
				drawText(context, item.name, x + 5, y + ROW / 2 + 1, room);
				free = x + 10;
			}
			context.globalAlpha = 1;
		});
	}

	/**
	 * drawVcpu - the slices of a vCPU
	 *
	 * Slices that share a pixel are added up: that column is as high as the
	 * share in which it did not idle, in the colour of what ran longest.
	 */
	drawVcpu(context, row, y) {
		const { palette, from, to } = this;
		const { slices } = row;
		const scale = this.plot / (to - from);
		const high = ROW - 2;
		/* with a filter, who is looked for is seen before all others */
		const isFaint = list(row.vcpu.tasks).map((task) => this.isFaint(task.comm));
		const weight = (slice) => (slice[1] - slice[0]) * (isFaint[slice[3]] ? 1e-9 : 1);
		let column = -1, busy = 0, idle = 0, best = 0, color = null, isHit = true;
		const flush = () => {
			if (column >= 0 && busy + idle > 0) {
				context.fillStyle = palette.of('state-idle');
				context.fillRect(column, y + high - 2, 1, 3);
				if (busy > 0) {
					const part = clamp(busy * scale, 0.12, 1) * high;

					context.globalAlpha = isHit ? 1 : 0.12;
					context.fillStyle = palette.of(color);
					context.fillRect(column, y + 1 + high - part, 1, part);
					context.globalAlpha = 1;
				}
			}
			busy = idle = best = 0;
		};

		for (let at = lowerBound(slices, (one) => one[1] <= from); at < slices.length; at++) {
			const slice = slices[at];

			if (slice[0] >= to)
				break;
			const left = GUTTER + (Math.max(slice[0], from) - from) * scale;
			const width = (Math.min(slice[1], to) - Math.max(slice[0], from)) * scale;

			if (width < 1) {
				const here = Math.floor(left);

				if (here !== column) {
					flush();
					column = here;
				}
				if (slice[2] === 0) {
					idle += slice[1] - slice[0];
				} else {
					busy += slice[1] - slice[0];
					if (weight(slice) > best) {
						best = weight(slice);
						color = sliceColor(slice, row.colors);
						isHit = !isFaint[slice[3]];
					}
				}
				continue;
			}
			flush();
			column = -1;
			this.drawSlice(context, row, slice, { left, width, y });
		}
		flush();
	}

	drawSlice(context, row, slice, { left, width, y }) {
		const { palette } = this;
		const color = sliceColor(slice, row.colors);
		const task = row.vcpu.tasks && row.vcpu.tasks[slice[3]];
		const name = slice[2] === 0 ? '' : slice[2] === 2 ? 'interrupt' : task ? task.comm : '';

		context.globalAlpha = slice[2] && this.isFaint(name) ? 0.12 : 1;
		context.fillStyle = palette.of(color);
		if (slice[2] === 0)
			context.fillRect(left, y + ROW - 4, width, 3);
		else
			context.fillRect(left, y + 1, width > 4 ? width - 0.5 : width, ROW - 2);
		if (name && width > 24) {
			context.fillStyle = palette.ink(color);
			drawText(context, name, left + 3, y + ROW / 2, width - 6);
		}
		context.globalAlpha = 1;
		if (this.selected && this.selected.kind === 'slice' && this.selected.of.vcpu === row.vcpu &&
		    this.selected.start === slice[0])
			this.drawSelection(context, left, y, Math.max(width, 3));
	}
}
