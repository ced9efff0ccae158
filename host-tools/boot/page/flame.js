// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flame graph: each box is a function, as wide as the time (or the calls)
 * in it, below who called it. A click makes a box the whole width.
 */

const FLAME_ROW = 18;

class Flame {
	/** @tree: { name, value, children }; @unit: value -> text; @palette: Palette */
	constructor({ tree, unit, palette }) {
		Object.assign(this, { unit, palette });
		this.wanted = '';
		this.root = this.index(tree);
		this.zoomed = this.root;
		this.current = this.root;
		this.build();
		this.observer = new ResizeObserver(() => this.draw());
		this.observer.observe(this.box);
		this.say();
	}

	close() {
		this.observer.disconnect();
	}

	/**
	 * index - the tree with what is needed to draw it: parent, depth, place
	 *
	 * Without recursion: how deep it is, is the guest's business. Children that
	 * claim more than their parent has are scaled down to fit.
	 */
	index(tree) {
		const node = (of, parent) => ({
			name: text(of && of.name), value: Math.max(0, number(of && of.value) || 0), parent,
			depth: parent ? parent.depth + 1 : 0, left: 0, width: 1, children: [],
		});
		const root = node(tree, null);
		const todo = [[tree, root]];

		while (todo.length) {
			const [of, one] = todo.pop();
			const children = list(of && of.children).map((child) => [child, node(child, one)]);
			const sum = children.reduce((total, [, child]) => total + child.value, 0);
			const whole = Math.max(one.value, sum) || 1;
			let left = one.left;

			children.sort((a, b) => b[1].value - a[1].value);
			for (const [child, made] of children) {
				made.left = left;
				made.width = one.width * made.value / whole;
				left += made.width;
				one.children.push(made);
				todo.push([child, made]);
			}
		}
		return root;
	}

	build() {
		this.canvas = make('canvas', { 'aria-hidden': 'true' });
		this.spacer = make('div');
		this.box = make('div', {
			class: 'flame', tabindex: '0', role: 'application',
			'aria-label': 'Flame graph. Arrow keys move between functions, Enter zooms, ' +
				'Escape shows all. The table below holds the sums.',
		}, this.canvas, this.spacer);
		this.search = make('input', {
			type: 'search', placeholder: 'Search functions', 'aria-label': 'Search functions',
			spellcheck: 'false', autocomplete: 'off',
			on: { input: () => this.find(this.search.value) },
		});
		this.found = make('span', { class: 'quiet', role: 'status' });
		this.path = make('p', { class: 'path', role: 'status' });
		this.node = make('div', {},
			make('div', { class: 'tools' }, this.search, this.found,
				make('button', {
					type: 'button', class: 'view', on: { click: () => this.zoom(this.root) },
				}, 'Show all')),
			this.box, this.path);

		const at = (event) => this.boxAt(event.offsetX, event.offsetY);

		this.canvas.addEventListener('click', (event) => {
			const node = at(event);

			if (node)
				this.zoom(node);
		});
		this.canvas.addEventListener('pointermove', (event) => {
			const node = at(event);

			if (node)
				tip.show(event.clientX, event.clientY, node.name, [this.says(node)]);
			else
				tip.hide();
		});
		this.canvas.addEventListener('pointerleave', () => tip.hide());
		this.box.addEventListener('scroll', () => this.draw());
		this.box.addEventListener('keydown', (event) => this.key(event));
	}

	says(node) {
		return `${this.unit(node.value)}, ${percent(node.value, this.root.value)} of all`;
	}

	say() {
		const names = [];

		for (let node = this.current; node; node = node.parent)
			names.unshift(node.name);
		show(this.path, make('b', {}, this.current.name), ` ${this.says(this.current)}`,
			names.length > 1 ? [make('br'),
				make('span', { class: 'quiet' }, names.slice(-40).join(' › '))] : null);
		this.node.dataset.zoomed = this.zoomed.name;
	}

	zoom(node) {
		this.zoomed = node;
		this.current = node;
		this.say();
		this.draw();
	}

	key(event) {
		const { current } = this;
		const siblings = current.parent ? current.parent.children : [current];
		const next = {
			ArrowDown: () => current.children[0],
			ArrowUp: () => current.parent,
			ArrowRight: () => siblings[siblings.indexOf(current) + 1],
			ArrowLeft: () => siblings[siblings.indexOf(current) - 1],
			Enter: () => current,
			Escape: () => this.root,
		}[event.key];

		if (!next || event.ctrlKey || event.altKey || event.metaKey)
			return;
		event.preventDefault();
		const node = next();

		if (!node)
			return;
		if (event.key === 'Enter' || event.key === 'Escape' || !this.isInside(node)) {
			this.zoom(node);
			return;
		}
		this.current = node;
		this.reveal();
		this.say();
		this.draw();
	}

	/** reveal - the row of what is selected is in sight */
	reveal() {
		const y = this.current.depth * FLAME_ROW, { scrollTop, clientHeight } = this.box;

		if (y < scrollTop || y + FLAME_ROW > scrollTop + clientHeight)
			this.box.scrollTop = y - clientHeight / 3;
	}

	isInside(node) {
		for (let at = node; at; at = at.parent)
			if (at === this.zoomed)
				return true;
		return false;
	}

	/** find - mark the functions whose name has WORDS in it, and add them up */
	find(words) {
		this.wanted = words.trim().toLowerCase();
		this.search.value = words;
		let sum = 0, many = 0;
		const todo = this.wanted ? [[this.root, false]] : [];

		/* a match below a match is in its time already */
		while (todo.length) {
			const [node, isCounted] = todo.pop();
			const isHit = this.isHit(node);

			if (isHit) {
				many++;
				sum += isCounted ? 0 : node.value;
			}
			for (const child of node.children)
				todo.push([child, isCounted || isHit]);
		}
		this.found.textContent = this.wanted ? `${count(many)} boxes, ${this.unit(sum)}, ` +
			percent(sum, this.root.value) : '';
		this.draw();
	}

	isHit(node) {
		return this.wanted !== '' && node.name.toLowerCase().includes(this.wanted);
	}

	boxAt(x, y) {
		const row = this.boxes && this.boxes[Math.floor((y + this.box.scrollTop) / FLAME_ROW)];
		const found = row && row.find((box) => x >= box.x && x < box.x + box.width);

		return found ? found.node : null;
	}

	/** place - the boxes that are wide enough to be seen, by depth */
	place(width) {
		const { zoomed } = this;
		const rows = [];
		const add = (node, x, wide) => {
			(rows[node.depth] = rows[node.depth] || []).push({ node, x, width: wide });
		};
		const todo = [zoomed];

		for (let node = zoomed.parent; node; node = node.parent)
			add(node, 0, width);
		while (todo.length) {
			const node = todo.pop();
			const wide = node.width / (zoomed.width || 1) * width;

			if (wide < 0.7)
				continue;
			add(node, (node.left - zoomed.left) / (zoomed.width || 1) * width, wide);
			todo.push(...node.children);
		}
		return rows;
	}

	draw() {
		if (this.isAsked)
			return;
		this.isAsked = true;
		requestAnimationFrame(() => {
			this.isAsked = false;
			if (this.box.clientWidth)
				this.drawNow();
		});
	}

	drawNow() {
		const width = this.box.clientWidth;
		const { palette } = this;

		this.boxes = this.place(width);
		const whole = this.boxes.length * FLAME_ROW + 1;
		const height = Math.min(whole, Math.round(innerHeight * 0.6));

		/* the canvas is as high as what is in sight, however deep the calls go */
		this.box.style.height = height + 2 + 'px';
		this.spacer.style.height = whole - height + 'px';
		const top = this.box.scrollTop;
		const context = fitCanvas(this.canvas, width, height);
		const first = Math.floor(top / FLAME_ROW);

		context.font = FONT;
		context.textBaseline = 'middle';
		context.translate(0, -top);
		this.boxes.slice(first, first + Math.ceil(height / FLAME_ROW) + 1).forEach((row, at) => {
			const depth = first + at;

			for (const { node, x, width: wide } of row) {
				const color = this.isHit(node) ? 'hit' : node.depth < this.zoomed.depth ||
					node.name === '(other)' ? 'state-unknown' : 'flame-' + hash(node.name) % 6;

				context.fillStyle = palette.of(color);
				context.fillRect(x, depth * FLAME_ROW + 1, wide > 2 ? wide - 1 : wide, FLAME_ROW - 1);
				context.fillStyle = palette.ink(color);
				drawText(context, node.name, x + 3, depth * FLAME_ROW + FLAME_ROW / 2 + 1, wide - 6);
				if (node === this.current) {
					context.strokeStyle = palette.of('ink');
					context.lineWidth = 1.5;
					context.strokeRect(x + 0.75, depth * FLAME_ROW + 1.5, Math.max(1, wide - 2),
						FLAME_ROW - 2);
				}
			}
		});
	}
}
