// AttentionPanel: one column for each side; the chosen token's row as shaded words, all maps small, one large.

const SIDES = ["teacher", "student"];
const OVERVIEW = 176; // pixels, how wide and how high all maps together may be
const HINT = "Choose a word: the others are shaded by how much it takes from them, in %. Point at the large map: each row's token takes from each column's. Dotted: a word that the student does not know.";
const MAP = { size: 430, left: 84, top: 66 }; // of the large map's SVG

const isSpecial = (token) => token.length > 2 && token[0] === "[" && token.at(-1) === "]";

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "reading kd-attention", "Attention of teacher and student");

  const showSentence = sentenceRow(root, get("_examples"), (sentence) => save(model, { sentence }));
  const message = html("p", { class: "kd-complaint", role: "status" }, root);
  const hint = html("p", { class: "kd-hint" }, root);

  let [sides, views] = [[], []];
  const columns = html("div", { class: "kd-columns" }, root);
  function makeSides() { // a student may join later
    const there = SIDES.filter((side) => get("_sides")[side]);
    if (there.join() === sides.join()) return;
    sides = there;
    columns.replaceChildren();
    columns.style.setProperty("--columns", sides.length);
    views = sides.map((side) => sideView(columns, side));
  }
  const hover = { side: "", at: -1, from: -1 }; // the token under the mouse and the one it takes from, for this view alone

  const linked = () => sides.length === 2 && sides.every((side) => get("_sides")[side].own);
  // The same as AttentionPanel._follow: what the choice of a token on one side chooses on the other.
  function follow(side, at) {
    const word = [...get("word")];
    const n = SIDES.indexOf(side);
    word[n] = at;
    if (linked()) word[1 - n] = at ? counterpart(get("_sides")[side].places[at], get("_sides")[SIDES[1 - n]].places) : 0;
    return word;
  }
  const point = (side, at, from = -1) => {
    if (hover.side === side && hover.at === at && hover.from === from) return;
    Object.assign(hover, { side, at, from });
    views.forEach((view) => view.drawRow());
  };
  const shownWord = () => (hover.at >= 0 && hover.at < get("_sides")[hover.side].tokens.length ? follow(hover.side, hover.at) : get("word"));

  function sideView(parent, side) {
    const column = html("div", { class: `kd-side kd-side-${side}` }, parent);
    const heading = html("div", { class: "kd-row kd-heading" }, column);
    html("b", {}, heading, side);
    const layer = menu(heading, { label: "Layer", names: [], onChoose: (i) => save(model, { [`${side}_layer`]: i + 1 }) });
    const head = menu(heading, { label: "Head", names: [], onChoose: (i) => save(model, { [`${side}_head`]: i }) });
    layer.select.setAttribute("aria-label", `layer of the ${side}`);
    head.select.setAttribute("aria-label", `head of the ${side}`);
    const state = html("span", { class: "kd-steps" }, heading);
    const chips = html("div", { class: "kd-chips", role: "radiogroup", "aria-label": `tokens of the ${side}` }, column);
    const said = html("p", { class: "kd-said" }, column);
    const maps_ = html("div", { class: "kd-maps" }, column);
    const all = html("div", { class: "kd-all" }, maps_);
    html("p", { class: "kd-all-head" }, all, "all layers (rows) and heads");
    const box = html("div", { class: "kd-overview-box" }, all);
    const overview = html("canvas", { class: "kd-overview", role: "img" }, box);
    const here = html("div", { class: "kd-here" }, box);
    weightScale(all);
    const map = largeMap(maps_, side, point, (at) => save(model, { word: follow(side, at) }));
    const group = newId();
    let [tokens, maps, tokenNodes, seen, shape] = [[], null, [], null, [0, 0]];

    overview.addEventListener("click", (event) => {
      const cell = overview.clientWidth / shape[1];
      const [l, h] = [Math.floor(event.offsetY / (overview.clientHeight / shape[0])), Math.floor(event.offsetX / cell)];
      save(model, { [`${side}_layer`]: clamp(l, 0, shape[0] - 1) + 1, [`${side}_head`]: clamp(h, 0, shape[1] - 1) + 1 });
    });
    chips.addEventListener("pointerleave", () => point("", -1));

    const chosenPlace = () => [get(`${side}_layer`), get(`${side}_head`)];

    // The weights (L of them) of row i in the chosen layer and head; head 0 is the mean of all.
    function rowOf(i) {
      const [l, h] = chosenPlace();
      const size = tokens.length;
      const heads = h ? [h - 1] : Array.from({ length: shape[1] }, (_, k) => k);
      const sum = new Array(size).fill(0);
      for (const k of heads) {
        const start = (((l - 1) * shape[1] + k) * size + i) * size;
        for (let j = 0; j < size; j++) sum[j] += maps[start + j] / 65535 / heads.length;
      }
      return sum;
    }

    function makeChips(now) {
      chips.replaceChildren();
      lastAt = -1;
      tokenNodes = tokens.map((token, i) => {
        const chip = html("label", { class: "kd-chip" }, chips);
        if (isSpecial(token)) chip.classList.add("kd-special");
        if (now.unknown.includes(i)) {
          chip.classList.add("kd-unknown");
          chip.title = "not in the student's vocabulary: read as [unk]";
        }
        const input = html("input", { type: "radio", name: group }, chip);
        const text = html("span", { class: "kd-token" }, chip, shortened(token, 16));
        const value = html("span", { class: "kd-weight", "aria-hidden": "true" }, chip);
        input.addEventListener("change", () => save(model, { word: follow(side, i) }));
        chip.addEventListener("pointerenter", () => point(side, i));
        return { chip, input, text, value, last: -1 };
      });
    }

    let lastAt = -1;
    function bringIntoView(at) { // within the tokens alone: the page stays where it is
      if (at === lastAt || hover.at >= 0) return;
      lastAt = at;
      requestAnimationFrame(() => {
        const chip = tokenNodes[at]?.chip;
        if (chip) chips.scrollTop = clamp(chips.scrollTop, chip.offsetTop + chip.offsetHeight + 3 - chips.clientHeight, chip.offsetTop - 3);
      });
    }

    function drawRow() {
      const at = shownWord()[SIDES.indexOf(side)];
      const weights = at >= 0 && at < tokens.length ? rowOf(at) : null;
      tokenNodes.forEach(({ chip, input, value }, j) => {
        const weight = weights ? weights[j] : 0;
        chip.style.setProperty("--share", `${(100 * Math.sqrt(weight)).toFixed(1)}%`);
        chip.classList.toggle("kd-from", j === at);
        input.checked = j === get("word")[SIDES.indexOf(side)];
        setText(value, weights ? (weight >= 0.005 ? decimals(100 * weight, 0) : "·") : "");
        input.setAttribute("aria-label", `${tokens[j]}${weights ? `, ${percent(weight)}` : ""}`);
      });
      const from = hover.side === side && hover.from < tokens.length ? hover.from : -1;
      setText(said, weights ? (from >= 0 ? pairWords(tokens, at, from, weights[from]) : rowWords(tokens, at, weights)) : `The ${side} has no token for this word.`);
      said.title = said.textContent;
      bringIntoView(at);
      map.mark(at);
    }

    function draw() {
      const now = get("_sides")[side];
      const bytes = get(`_${side}_maps`);
      const size = now.tokens.length;
      const step = get("step");
      setText(state, side === "student" && step >= 0 ? `after ${step} steps` : "");
      if (now !== seen) {
        if (JSON.stringify([now.tokens, now.unknown]) !== JSON.stringify([seen?.tokens, seen?.unknown])) {
          tokens = now.tokens;
          makeChips(now);
          map.setTokens(tokens);
        }
        if (JSON.stringify(shape) !== JSON.stringify(now.shape)) {
          shape = now.shape;
          fill(layer.select, Array.from({ length: shape[0] }, (_, i) => `${i + 1} / ${shape[0]}`));
          fill(head.select, ["mean", ...Array.from({ length: shape[1] }, (_, i) => `${i + 1} / ${shape[1]}`)]);
        }
        seen = now;
      }
      maps = new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
      const [l, h] = chosenPlace();
      layer.set(l - 1);
      head.set(h);
      drawOverview(overview, maps, shape, size);
      const cell = Math.min(100 / shape[1], 100);
      setAttributes(here, { style: `left: ${h ? cell * (h - 1) : 0}%; width: ${h ? cell : 100}%; top: ${(100 / shape[0]) * (l - 1)}%; height: ${100 / shape[0]}%` });
      box.style.aspectRatio = `${shape[1]} / ${shape[0]}`;
      box.style.width = `min(100%, ${OVERVIEW * Math.min(1, shape[1] / shape[0])}px)`;
      overview.setAttribute("aria-label", `all maps of the ${side}: ${shape[0]} layers as rows, ${shape[1]} heads as columns`);
      map.draw(rowOf, `attention of the ${side}, layer ${l}, ${h ? `head ${h}` : "mean of all heads"}: rows take from columns`);
      drawRow();
    }
    return { draw, drawRow };
  }

  function draw() {
    setText(message, get("message"));
    const notes = Object.values(get("_sides")).map((side) => side.note).filter(Boolean);
    setText(hint, notes[0] ?? HINT);
    hint.classList.toggle("kd-note", notes.length > 0);
    showSentence(get("sentence"));
    makeSides();
    views.forEach((view) => view.draw());
  }

  return drawOnChange(model, root, ["sentence", "message", "word", "step", "_sides", "_teacher_maps", "_student_maps",
    ...SIDES.flatMap((side) => [`${side}_layer`, `${side}_head`])], draw);
}

function counterpart(place, others) {
  const shared = others.map((other) => (place.length && other.length ? Math.min(place[1], other[1]) - Math.max(place[0], other[0]) : 0));
  const best = ranking(shared)[0];
  return shared[best] > 0 ? best : -1;
}

// The row in words: what the token takes most from, and over how many tokens it is spread.
function rowWords(tokens, at, weights) {
  const quoted = (i) => (isSpecial(tokens[i]) ? tokens[i] : `“${tokens[i]}”`);
  const most = ranking(weights).slice(0, 3).map((i) => `${percent(weights[i])} from ${i === at ? "itself" : quoted(i)}`);
  return `${quoted(at)} takes ${most.join(", ")}. Spread: as even as over ${decimals(Math.exp(entropy(weights)))} of ${tokens.length} tokens.`;
}

function pairWords(tokens, at, from, weight) {
  const quoted = (i) => (isSpecial(tokens[i]) ? tokens[i] : `“${tokens[i]}”`);
  return `${quoted(at)} takes ${percent(weight)} from ${from === at ? "itself" : quoted(from)}.`;
}

// What the shades of the maps mean: ink goes with the square root of the weight, or small ones would not be seen.
function weightScale(parent) {
  const root = svg("svg", { viewBox: "0 0 176 40", class: "kd-figure kd-scale", role: "img", "aria-label": "scale of the shades, from 0 to 100 %" }, parent);
  const steps = 22;
  for (let i = 0; i < steps; i++)
    svg("rect", { x: 8 + (160 * i) / steps, y: 4, width: 160 / steps + 0.3, height: 10, class: "kd-shade-step", "fill-opacity": (i + 0.5) / steps }, root);
  svg("rect", { x: 8, y: 4, width: 160, height: 10, class: "kd-frame" }, root);
  for (const weight of [0, 0.05, 0.25, 0.5, 1]) svg("text", { x: 8 + 160 * Math.sqrt(weight), y: 30, class: "kd-tick" }, root, weight ? `${100 * weight}` : "0 %");
}

function fill(select, names) {
  select.replaceChildren();
  names.forEach((name, i) => html("option", { value: i }, select, name));
}

// Ink as opacity, the square root of the weight: the style sheet turns it light on a dark ground.
function paint(context, x, y, width, height, size, weight) {
  const picture = context.createImageData(size, size);
  for (let i = 0; i < size * size; i++) picture.data[4 * i + 3] = 255 * Math.sqrt(weight(i));
  const small = new OffscreenCanvas(size, size);
  small.getContext("2d").putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = size > width;
  context.drawImage(small, x, y, width, height);
}

function drawOverview(canvas, maps, [layers, heads], size) {
  const cell = 2 * Math.max(24, Math.floor(OVERVIEW / layers));
  if (canvas.width !== cell * heads || canvas.height !== cell * layers) setAttributes(canvas, { width: cell * heads, height: cell * layers });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let k = 0; k < layers * heads; k++) {
    const [x, y] = [cell * (k % heads), cell * Math.floor(k / heads)];
    paint(context, x + 3, y + 3, cell - 6, cell - 6, size, (i) => maps[k * size * size + i] / 65535);
  }
}

// Rows take from columns. The mouse over a cell shows its row; a click chooses it.
function largeMap(parent, side, point, onPick) {
  const { size, left, top } = MAP;
  const wide = size - left - 2;
  const box = html("div", { class: "kd-map" }, parent);
  const canvas = html("canvas", { class: "kd-map-ink", role: "img", style: `left: ${(100 * left) / size}%; top: ${(100 * top) / (top + wide + 2)}%; width: ${(100 * wide) / size}%` }, box);
  const root = svg("svg", { viewBox: `0 0 ${size} ${top + wide + 2}`, class: "kd-figure", "aria-hidden": "true" }, box);
  svg("rect", { x: left, y: top, width: wide, height: wide, class: "kd-frame" }, root);
  const band = svg("rect", { x: left - 1, width: wide + 2, class: "kd-band" }, root);
  const rows = svg("g", {}, root);
  const columns = svg("g", {}, root);
  const hit = svg("rect", { x: 0, y: top, width: size, height: wide, class: "kd-map-hit" }, root);
  const tip = svg("title", {}, hit);
  let [tokens, cell, rowOf, chosen] = [[], 1, null, -1];
  const nameSome = () => { // as many names as there is room for, the chosen row's always
    const every = Math.ceil((13 * unitOf(root)) / cell);
    for (const group of [rows, columns])
      [...group.children].forEach((node, i) => (node.style.visibility = i % every && !(group === rows && i === chosen) ? "hidden" : "visible"));
    if (every > 1) for (const i of [chosen - 1, chosen + 1]) if (rows.children[i] && chosen % every) rows.children[i].style.visibility = "hidden";
  };
  parent.closest(".kd-panel").addEventListener("kd-fitted", nameSome);
  const place = (event) => {
    const area = root.getBoundingClientRect();
    const at = (value, start, extent, offset) => Math.floor((((value - start) / extent) * size - offset) / cell);
    return [at(event.clientY, area.top, area.width, top), at(event.clientX, area.left, area.width, left)].map((n, i) => (i ? n : clamp(n, 0, tokens.length - 1)));
  };
  hit.addEventListener("pointermove", (event) => {
    const [i, j] = place(event);
    point(side, i, j);
    setText(tip, j >= 0 && j < tokens.length ? `${tokens[i]} takes ${percent(rowOf(i)[j])} from ${tokens[j]}` : tokens[i]);
  });
  hit.addEventListener("pointerleave", () => point("", -1));
  hit.addEventListener("click", (event) => onPick(place(event)[0]));
  return {
    setTokens(now) {
      tokens = now;
      cell = wide / tokens.length;
      rows.replaceChildren();
      columns.replaceChildren();
      tokens.forEach((token, i) => {
        const middle = cell * (i + 0.5);
        svg("text", { x: left - 5, y: top + middle, class: "kd-tick kd-end", dy: "0.35em" }, rows, shortened(token, 10));
        svg("text", { transform: `translate(${left + middle} ${top - 5}) rotate(-60)`, class: "kd-tick kd-start", dy: "0.35em" }, columns, shortened(token, 10));
      });
    },
    draw(row, words) {
      rowOf = row;
      const count = tokens.length;
      if (canvas.width !== count) setAttributes(canvas, { width: count, height: count });
      const all = tokens.map((_, i) => row(i));
      const context = canvas.getContext("2d");
      const picture = context.createImageData(count, count);
      all.forEach((weights, i) => weights.forEach((weight, j) => (picture.data[4 * (i * count + j) + 3] = 255 * Math.sqrt(weight))));
      context.putImageData(picture, 0, 0);
      canvas.setAttribute("aria-label", words);
    },
    mark(at) {
      setAttributes(band, { y: top + cell * at - 1, height: cell + 2, visibility: at >= 0 ? "visible" : "hidden" });
      [...rows.children].forEach((node, i) => node.classList.toggle("kd-chosen-row", i === at));
      chosen = at;
      nameSome();
    },
  };
}

export default { render };
