// LuckPanel: a plane, the borders that many students draw in it, and their errors against the number of points.

const WHO = ["hard", "distilled"];
const MOST_POINTS = 200; // more would hide the borders

// The lines on which a grid of values changes sign, as a path over the unit square: marching squares.
function zeroLines(values, side) {
  const at = (row, column) => values[row * side + column];
  const unit = 1 / (side - 1);
  const parts = [];
  for (let row = 0; row < side - 1; row++) {
    for (let column = 0; column < side - 1; column++) {
      const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
      const signs = corners.map(([r, c]) => at(r, c) > 0);
      if (signs.every((sign) => sign === signs[0])) continue;
      const crossings = [];
      for (let k = 0; k < 4; k++) {
        if (signs[k] === signs[(k + 1) % 4]) continue;
        const [[r0, c0], [r1, c1]] = [corners[k], corners[(k + 1) % 4]];
        const share = at(r0, c0) / (at(r0, c0) - at(r1, c1));
        crossings.push(`${(100 * unit * (c0 + share * (c1 - c0))).toFixed(2)} ${(100 * unit * (r0 + share * (r1 - r0))).toFixed(2)}`);
      }
      for (let k = 0; k + 1 < crossings.length; k += 2) parts.push(`M${crossings[k]}L${crossings[k + 1]}`);
    }
  }
  return parts.join("");
}

const signedBytes = (view, start = 0, length = view.byteLength - start) => new Int8Array(view.buffer, view.byteOffset + start, length);

// The plane: how likely class 1 is (the darker), the true border, the points, and a border for each student.
function stage(parent, kind, { side, truth, draws, label }) {
  const cell = html("figure", { class: `kd-luck-view kd-luck-${kind}` }, parent);
  html("figcaption", {}, cell, label);
  const box = html("div", { class: "kd-luck-stage" }, cell);
  const bytes = new Uint8Array(truth.buffer, truth.byteOffset, truth.byteLength);
  drawDigit(html("canvas", { width: side, height: side }, box), bytes);
  const root = svg("svg", { viewBox: "0 0 100 100", role: "img", "aria-label": label }, box);
  const thin = { "vector-effect": "non-scaling-stroke" };
  const points = svg("g", {}, root);
  const teacher = svg("path", { class: "kd-teacher-border", ...thin }, root);
  const borders = Array.from({ length: draws }, () => svg("path", { class: "kd-border", ...thin }, root));
  svg("path", { class: "kd-true-border", d: zeroLines(Array.from(bytes, (byte) => byte - 127.5), side), ...thin }, root);
  return { points, teacher, borders, words: html("p", {}, cell) };
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "luck", "The luck of labels");
  const [side, draws, extent, counts, biases] = ["_side", "draws", "_extent", "_counts", "_biases"].map(get);
  const tools = toolbar(root, model);

  const controls = html("div", { class: "kd-row" }, root);
  const stops = (names, label, trait) => slider(controls, {
    label, min: 0, max: names.length - 1, marks: names.map((_, i) => i), names: (i) => names[i], format: (i) => names[i],
    onInput: (stop) => save(model, { [trait]: stop }),
  });
  const count = stops(counts.map(String), "points", "count");
  const bias = stops(biases.map((value) => short(value)), "teacher’s bias (nats)", "bias");

  const row = html("div", { class: "kd-luck-row" }, root);
  const shared = { side, truth: get("_truth"), draws };
  const stages = {
    hard: stage(row, "hard", { ...shared, label: "labels, drawn anew for each" }),
    distilled: stage(row, "distilled", { ...shared, label: "a teacher’s probabilities" }),
  };
  const figure = axes(row, { title: "how often wrong", xLabel: "points (dotted: the best possible)", width: 300, height: 300, left: 44, bottom: 40,
                             xRange: [-0.5, counts.length - 0.5], xTicks: counts.map((_, i) => i), xNames: counts.map(String) });
  figure.root.dataset.figure = "outcomes";
  figure.setY([0.08, 0.32], undefined, (mark) => `${short(100 * mark)} %`);
  svg("path", { class: "kd-curve", "stroke-dasharray": "2 4", d: `M${figure.box.x} ${figure.y(get("_least"))}h${figure.box.width}` }, figure.plot);
  const dots = svg("g", {}, figure.clipped);

  const range = (errors) => `${decimals(100 * Math.min(...errors), 1)} to ${decimals(100 * Math.max(...errors), 1)} %`;

  let drawnPoints = null;
  function drawPoints() {
    if (get("_points") === drawnPoints) return;
    drawnPoints = get("_points");
    for (const who of WHO) {
      stages[who].points.replaceChildren();
      for (const [x, y, label, p] of drawnPoints.slice(0, MOST_POINTS)) {
        const place = { cx: 50 * (1 + x / extent), cy: 50 * (1 - y / extent), r: drawnPoints.length > 60 ? 0.9 : 1.5, "vector-effect": "non-scaling-stroke" };
        const dot = svg("circle", place, stages[who].points);
        if (who === "hard") dot.classList.toggle("kd-one", label === 1);
        else dot.style.fill = `color-mix(in srgb, var(--kd-text) ${Math.round(100 * p)}%, var(--kd-ground))`;
      }
    }
  }

  let shownOutcomes = "";
  function drawOutcomes() {
    const key = JSON.stringify([get("_outcomes"), get("bias")]);
    if (key === shownOutcomes) return;
    shownOutcomes = key;
    dots.replaceChildren();
    for (const [stop, ofBias, ...errors] of get("_outcomes")) {
      WHO.forEach((who, i) => {
        const other = who === "distilled" && ofBias !== get("bias") ? " kd-other-teacher" : "";
        const dot = svg("circle", { class: `kd-luck-dot kd-${who}${other}`, r: 4, cx: figure.x(stop + (i ? 0.12 : -0.12)), cy: figure.y(errors[i]) }, dots);
        svg("title", {}, dot, `${who === "hard" ? "labels" : `probabilities, bias ${short(biases[ofBias])}`}: ${percent(errors[i])} wrong`);
      });
    }
  }

  function draw() {
    tools();
    count.set(get("count"));
    bias.set(get("bias"));
    drawPoints();
    const margins = get("_margins");
    WHO.forEach((who, i) => {
      const { borders, words } = stages[who];
      borders.forEach((path, k) => path.setAttribute("d", zeroLines(signedBytes(margins, (i * draws + k) * side * side, side * side), side)));
      const errors = get("_errors")[who] ?? [];
      const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
      setText(words, errors.length ? `${percent(mean)} wrong (${range(errors)})` : "");
    });
    stages.distilled.teacher.setAttribute("d", zeroLines(signedBytes(get("_teacher")), side));
    drawOutcomes();
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "count", "bias", "seed", "_points", "_margins", "_teacher", "_errors", "_outcomes"], draw);
}

export default { render };
