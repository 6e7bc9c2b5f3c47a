// SweepPanel: a map of settings that takes colour while all its students train. Python sends means and comparisons.

const SYMBOLS = { temperature: "T", alpha: "α", learning_rate: "rate" };
const TITLES = { temperature: "temperature T", alpha: "alpha (weight of the hard labels)", learning_rate: "learning rate" };
// Cividis (Nuñez, Anderton and Renslow 2018): even steps of lightness, with and without colour vision.
const STOPS = ["#00224e", "#083370", "#35456c", "#4f576c", "#666970", "#7d7c78", "#948e77", "#aea371", "#c8b866", "#e5cf52", "#fee838"]
  .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

function cividis(share) {
  const at = clamp(share, 0, 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[low].map((part, i) => Math.round(part + (STOPS[low + 1][i] - part) * (at - low)));
}

// Black or white, whichever can be read better on this colour: its contrast is at least 4.5 : 1 on any.
function inkOn(rgb) {
  const [r, g, b] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

const deviation = (values) => Math.sqrt(values.reduce((sum, v) => sum + (v - average(values)) ** 2, 0) / (values.length - 1));

function render({ model, el }) {
  const get = (name) => model.get(name);
  const [rowValues, columnValues, seeds] = [get("row_values"), get("column_values"), get("seeds")];
  const [rows, columns] = [rowValues.length, columnValues.length];
  const root = panelRoot(el, "sweep", "A sweep over two settings");
  const tools = toolbar(root, model);
  const pair = html("div", { class: "kd-pair" }, root);
  const setting = ([r, c]) => `${SYMBOLS[get("rows")]} = ${short(rowValues[r])}, ${SYMBOLS[get("columns")]} = ${short(columnValues[c])}`;

  // --- the map: a grid of cells that the arrow keys move through

  const [W, H] = [520, 336];
  const box = { x: 68, y: 28, width: 368, height: 262 };
  const [cw, ch] = [box.width / columns, box.height / rows];
  const map = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "kd-figure", "data-figure": "map" }, pair);
  svg("text", { x: box.x + box.width / 2, y: 17, class: "kd-title" }, map, `Accuracy on ${get("validation_images")} validation images, in %`);
  svg("text", { x: box.x + box.width / 2, y: H - 5, class: "kd-label" }, map, TITLES[get("columns")]);
  svg("text", { transform: `translate(11 ${box.y + box.height / 2}) rotate(-90)`, class: "kd-label" }, map, TITLES[get("rows")]);
  const rowNames = rowValues.map((value, r) => svg("text", { x: box.x - 8, y: box.y + ch * (r + 0.5) + 4, class: "kd-end" }, map, short(value)));
  const columnNames = columnValues.map((value, c) => svg("text", { x: box.x + cw * (c + 0.5), y: box.y + box.height + 17 }, map, short(value)));
  const grid = svg("g", { role: "grid", "aria-label": "mean validation accuracy; arrow keys choose a cell", "aria-rowcount": rows, "aria-colcount": columns }, map);
  const size = Math.min(14, cw / 3.6, ch / 1.5);
  const spread = ch >= 32 && cw >= 40 && seeds.length > 1; // room for a second line
  const cells = rowValues.map((_, r) => {
    const line = svg("g", { role: "row" }, grid);
    return columnValues.map((_, c) => makeCell(line, r, c));
  });

  function makeCell(parent, r, c) {
    const [x, y] = [box.x + cw * c, box.y + ch * r];
    const cell = svg("g", { role: "gridcell", class: "kd-cell", tabindex: -1 }, parent);
    svg("rect", { class: "kd-outline", x: x + 1.5, y: y + 1.5, width: cw - 3, height: ch - 3, rx: 4 }, cell);
    const ground = svg("rect", { class: "kd-ground", x: x + 4, y: y + 4, width: cw - 8, height: ch - 8, rx: 2 }, cell);
    const ring = svg("rect", { class: "kd-ring", x: x + 5.8, y: y + 5.8, width: cw - 11.6, height: ch - 11.6, rx: 1 }, cell);
    const between = spread ? clamp(0.3 * ch, 11, 14) : 0; // the two lines of words
    const middle = y + ch / 2 + (0.72 * size - between) / 2;
    const value = svg("text", { class: "kd-cell-value", x: x + cw / 2, y: middle, style: `font-size: max(${size.toFixed(1)}px, 11px * var(--unit, 1))` }, cell);
    const sd = svg("text", { x: x + cw / 2, y: middle + between, style: "font-size: calc(11px * var(--unit, 1))" }, cell);
    const star = svg("text", { x: x + cw - 11, y: y + 14.5, style: "font-size: calc(11px * var(--unit, 1))" }, cell);
    cell.addEventListener("click", () => choose(r, c));
    return { cell, ground, ring, value, sd, star };
  }

  function choose(r, c) {
    save(model, { chosen: [clamp(r, 0, rows - 1), clamp(c, 0, columns - 1)] });
    drawChoice();
    const [row, column] = get("chosen");
    cells[row][column].cell.focus({ preventScroll: true });
  }

  grid.addEventListener("keydown", (event) => {
    const [r, c] = get("chosen");
    const to = { ArrowUp: [r - 1, c], ArrowDown: [r + 1, c], ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1], Home: [r, 0], End: [r, columns - 1],
                 PageUp: [0, c], PageDown: [rows - 1, c] }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(...to);
  });

  // The colours with their numbers, where the chosen cell stands among them, and a tip where some cells lie below them.
  const scale = { x: box.x + box.width + 20, width: 14 };
  const shades = newId();
  const gradient = svg("linearGradient", { id: shades, x1: 0, x2: 0, y1: 1, y2: 0 }, map);
  STOPS.forEach((rgb, i) => svg("stop", { offset: i / (STOPS.length - 1), "stop-color": `rgb(${rgb})` }, gradient));
  svg("rect", { x: scale.x, y: box.y + 4, width: scale.width, height: box.height - 8, fill: `url(#${shades})`, rx: 2 }, map);
  const below = svg("path", { d: `M${scale.x} ${box.y + box.height - 5}h${scale.width}l${-scale.width / 2} 9z`, fill: `rgb(${STOPS[0]})`, visibility: "hidden" }, map);
  const numbers = svg("g", { "aria-hidden": "true" }, map);
  const pointer = svg("path", { class: "kd-pointer", d: `M${scale.x - 2} 0l-8 -5v10z`, visibility: "hidden" }, map);
  const height = (share) => box.y + 4 + (box.height - 8) * (1 - clamp(share, 0, 1));

  // --- the seeds of two cells

  const PLACES = [0.27, 0.73];
  const dots = axes(pair, { label: "seeds of the best and of the chosen cell", width: 316, height: H, left: 44, right: 4, top: 28, bottom: 46 });
  dots.root.dataset.figure = "dots";
  const names = PLACES.map((at) => [16, 31].map((below) => svg("text", { x: dots.x(at), y: dots.box.y + dots.box.height + below, class: below > 20 ? "kd-label" : "" }, dots.root)));
  const links = svg("path", { class: "kd-links" }, dots.clipped);
  const groups = PLACES.map((_, i) => {
    const group = svg("g", { class: i ? "kd-seed-dots kd-other" : "kd-seed-dots" }, dots.clipped);
    return { circles: seeds.map(() => svg("circle", { r: 4.2 }, group)), bar: svg("path", {}, group) };
  });
  const nothing = svg("text", { x: dots.x(0.5), y: dots.box.y + 24, class: "kd-label" }, dots.root);
  let zoom = null;

  const lines = html("div", { class: "kd-lines" }, root);
  const [comparison, verdict, rule] = [0, 1, 2].map(() => html("p", {}, lines));
  verdict.setAttribute("role", "status");

  // --- pictures

  const digitsFor = ([low, high]) => (high - low <= 0.035 ? 2 : 1);
  // As many decimals as tell neighbours on a scale of percents apart.
  const digitsOf = ([first, second]) => clamp(-Math.floor(Math.log10(100 * (second - first)) + 1e-9), 0, 3);
  const points = (value, digits) => decimals(100 * value, digits);
  let drawn = null;

  function drawMap() {
    const now = get("_cells");
    if (drawn === now) return;
    drawn = now;
    const measured = now.limits !== undefined;
    const [low, high] = now.limits ?? [0, 1];
    const digits = digitsFor([low, high]);
    cells.forEach((line, r) => line.forEach(({ cell, ground, value, sd, star, ring }, c) => {
      const mean = now.mean?.[r][c];
      const rgb = measured && cividis((mean - low) / (high - low));
      const ink = measured ? inkOn(rgb) : "var(--kd-soft)";
      ground.style.fill = measured ? `rgb(${rgb})` : "";
      ring.style.stroke = ink;
      for (const text of [value, sd, star]) text.style.fill = ink;
      setText(value, measured ? points(mean, digits) : "–");
      setText(sd, measured && spread ? `± ${points(now.sd[r][c], digits)}` : "");
      const best = measured && r === now.best[0] && c === now.best[1];
      setText(star, best ? "★" : "");
      const alike = measured && now.alike[r][c];
      cell.classList.toggle("kd-alike", alike);
      const words = measured ? `${points(mean, digits)} %${now.sd ? ` ± ${points(now.sd[r][c], digits)}` : ""}${best ? ", the best" : alike ? ", cannot be told from the best" : ""}` : "not measured yet";
      cell.setAttribute("aria-label", `${setting([r, c])}: ${words}`);
    }));
    numbers.replaceChildren();
    const marks = measured ? ticks(low, high, 5) : [];
    below.setAttribute("visibility", measured && now.mean.flat().some((mean) => mean < low) ? "visible" : "hidden");
    for (const mark of marks) {
      const y = height((mark - low) / (high - low));
      svg("path", { class: "kd-frame", d: `M${scale.x + scale.width} ${y}h4` }, numbers);
      svg("text", { class: "kd-tick kd-start", x: scale.x + scale.width + 7, y: y + 4 }, numbers, points(mark, digitsOf(marks)));
    }
  }

  // Round limits around both cells, within 0 and 1 if there is room, kept as long as they fit: the axis must not tremble.
  function limitsOf(values) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const span = Math.max(high - low, 0.004);
    if (zoom && low >= zoom[0] && high <= zoom[1] && span >= 0.35 * (zoom[1] - zoom[0])) return zoom;
    const marks = ticks(low - 0.08 * span, high + 0.08 * span, 4);
    const step = marks.length > 1 ? marks[1] - marks[0] : span;
    const room = 0.02 * span;
    return [
      Math.max(Math.floor((low - 0.08 * span) / step) * step, Math.min(0, low - room)),
      Math.min(Math.ceil((high + 0.08 * span) / step) * step, Math.max(1, high + room)),
    ];
  }

  function drawDots(now, chosen) {
    const measured = now.limits !== undefined;
    const same = measured && String(now.best) === String(chosen);
    const places = measured ? [now.best, chosen] : [null, chosen];
    const shown = places.map((place, i) => (measured && !(i && same) ? now.values[place[0]][place[1]] : []));
    if (measured) {
      const limits = limitsOf(shown.flat());
      if (limits !== zoom) dots.setY((zoom = limits), ticks(...limits, 5), (mark) => points(mark, digitsOf(ticks(...limits, 5))));
    }
    const at = groups.map(({ circles, bar }, i) => {
      const spots = shown[i].map((value, k) => [dots.x(PLACES[i] + (((k * 0.618) % 1) - 0.5) * 0.09), dots.y(value)].map((v) => v.toFixed(1)));
      circles.forEach((circle, k) => setAttributes(circle, spots[k] ? { cx: spots[k][0], cy: spots[k][1], visibility: "visible" } : { visibility: "hidden" }));
      bar.setAttribute("d", spots.length ? `M${dots.x(PLACES[i] - 0.12)} ${dots.y(average(shown[i]))}h${0.24 * dots.box.width}` : "");
      return spots;
    });
    links.setAttribute("d", at[1].map((spot, k) => `M${at[0][k].join(" ")}L${spot.join(" ")}`).join(""));
    dots.setTitle(`The ${seeds.length === 1 ? "seed" : `${seeds.length} seeds`}, best and chosen (%)`);
    const words = [measured ? setting(now.best) : "", same ? "" : setting(chosen)];
    names.forEach(([above, below], i) => { setText(above, words[i]); setText(below, !words[i] ? "" : i ? "chosen" : "★ best"); });
    setText(nothing, same ? "This is the best cell: choose another." : "");
    for (const [i, name] of rowNames.entries()) name.classList.toggle("kd-here", i === chosen[0]);
    for (const [i, name] of columnNames.entries()) name.classList.toggle("kd-here", i === chosen[1]);
    if (measured) {
      const share = (now.mean[chosen[0]][chosen[1]] - now.limits[0]) / (now.limits[1] - now.limits[0]);
      setAttributes(pointer, { transform: `translate(0 ${height(share)})`, visibility: "visible" });
    } else pointer.setAttribute("visibility", "hidden");
    return { measured, same, shown };
  }

  function drawWords(now, chosen, { measured, same, shown }) {
    const n = seeds.length;
    const many = n > 1;
    setText(rule, many
      ? `Outlined: cannot be told from the best (★): over the same ${n} seeds the mean difference is within its 95 % interval.`
      : "With one seed nothing can be told from anything else: there is no spread to compare with.");
    if (!measured) {
      setText(comparison, `${rows * columns * n} students will train at once: ${rows} × ${columns} cells, ${n} ${many ? "seeds" : "seed"} each.`);
      setText(verdict, "A cell shows the mean over its seeds ± their standard deviation.");
      return;
    }
    const digits = digitsFor(now.limits);
    const words = ([r, c]) => `${points(now.mean[r][c], digits)} %${now.sd ? ` ± ${points(now.sd[r][c], digits)}` : ""}`;
    setText(comparison, `Best: ${setting(now.best)}: ${words(now.best)}. ${same ? `${now.alike.flat().filter(Boolean).length} of ${rows * columns} cells are outlined.` : `Chosen: ${setting(chosen)}: ${words(chosen)}.`}`);
    if (same) return setText(verdict, "The best of many cells looks a little better than it is: it was chosen for its luck, too.");
    const behind = shown[0].map((value, k) => value - shown[1][k]);
    const wins = behind.filter((d) => d > 0).length;
    const mean = points(average(behind), 2);
    if (!many) return setText(verdict, `The best is ahead by ${mean} points, with one seed.`);
    const error = points((now.reach * deviation(behind)) / Math.sqrt(n), 2);
    setText(verdict, `Best less chosen, seed by seed: ${mean} ± ${error} points (95 % interval), ahead with ${wins} of ${n} seeds: ${now.alike[chosen[0]][chosen[1]] ? "cannot be told apart" : "a difference"}.`);
  }

  function drawChoice() {
    const [now, chosen] = [get("_cells"), get("chosen")];
    cells.forEach((line, r) => line.forEach(({ cell }, c) => {
      const here = r === chosen[0] && c === chosen[1];
      setAttributes(cell, { tabindex: here ? 0 : -1, "aria-selected": here });
    }));
    drawWords(now, chosen, drawDots(now, chosen));
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "_cells", "chosen"], () => {
    tools();
    drawMap();
    drawChoice();
  });
}

export default { render };
