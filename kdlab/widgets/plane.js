// PlanePanel: the teacher's probability as a field, and the lines on which each student says 10, 50 and 90 %.

const HOTTEST = 10;
const NAMES = { distilled: "distilled student", hard: "hard-label student" };
const LEVELS = [["kd-tenth", -Math.log(9)], ["kd-half-line", 0], ["kd-tenth", Math.log(9)]]; // logits of 10, 50, 90 %
const SIZE = 300;

const chance = (logit) => 1 / (1 + Math.exp(-logit));

// The line on which values on a square grid (rows from the top) pass a level, as an SVG path in a box of `size`.
function levelLine(values, side, level, size) {
  const step = size / (side - 1);
  const out = [];
  for (let row = 0; row < side - 1; row++)
    for (let column = 0; column < side - 1; column++) {
      const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
      const cut = [];
      corners.forEach(([x, y], i) => {
        const [u, v] = corners[(i + 1) % 4];
        const [a, b] = [values[y * side + x] - level, values[v * side + u] - level];
        if (a > 0 === b > 0) return;
        const share = a / (a - b);
        cut.push(`${((x + share * (u - x)) * step).toFixed(1)} ${((y + share * (v - y)) * step).toFixed(1)}`);
      });
      for (let i = 0; i + 1 < cut.length; i += 2) out.push(`M${cut[i]}L${cut[i + 1]}`);
    }
  return out.join("");
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const floats = (name) => {
    const { buffer, byteOffset, byteLength } = get(name);
    return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  };
  const field = floats("_field");
  const side = Math.sqrt(field.length);
  const extent = get("extent");
  const counts = get("counts");
  const root = panelRoot(el, "plane", "Two students and a border in the plane");
  const tools = toolbar(root, model);

  const pair = html("div", { class: "kd-planes" }, root);
  const at = { x: 0, y: 0 }; // the place that is read out, in the plane's own units
  const planes = Object.entries(NAMES).map(([kind, name]) => {
    const column = html("div", { class: "kd-plane-column" }, pair);
    const heading = html("b", { class: `kd-plane-name kd-${kind}` }, column, name);
    const box = html("div", { class: "kd-plane-box" }, column);
    const figure = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "kd-figure", role: "group", tabindex: 0,
      "aria-label": `${name}: the plane. Arrow keys move the place that is read out` }, box);
    const tint = svg("filter", { id: newId(), x: 0, y: 0, width: 1, height: 1, "color-interpolation-filters": "sRGB" }, figure);
    svg("feFlood", { class: "kd-tint" }, tint);
    svg("feComposite", { operator: "in", in2: "SourceAlpha" }, tint); // the teacher's colour of the theme, as opaque as the picture
    const ground = svg("image", { width: SIZE, height: SIZE, preserveAspectRatio: "none", filter: `url(#${tint.id})` }, figure);
    const lines = LEVELS.map(([style]) => ({ halo: svg("path", { class: "kd-halo" }, figure), line: svg("path", { class: `kd-level-line ${style} kd-${kind}` }, figure) }));
    const dots = svg("g", { class: "kd-dots" }, figure);
    const cross = svg("path", { class: "kd-here" }, figure);
    figure.dataset.figure = kind;
    figure.addEventListener("pointermove", (event) => {
      const area = figure.getBoundingClientRect();
      move(((event.clientX - area.left) / area.width) * 2 * extent - extent, extent - ((event.clientY - area.top) / area.height) * 2 * extent);
    });
    figure.addEventListener("keydown", (event) => {
      const [x, y] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
      if ((!x && !y) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      move(at.x + (x * extent) / 20, at.y + (y * extent) / 20);
    });
    return { kind, heading, ground, figure, lines, dots, cross };
  });
  function move(x, y) {
    Object.assign(at, { x: clamp(x, -extent, extent), y: clamp(y, -extent, extent) });
    draw();
  }

  const here = html("p", { class: "kd-readings", "aria-live": "polite" }, root);
  const facts = html("div", { class: "kd-facts" }, root);
  const judged = Object.fromEntries(Object.keys(NAMES).map((kind) => [kind, html("span", {}, facts)]));
  const row = html("div", { class: "kd-row" }, root);
  const heat = slider(row, { label: "Temperature T", min: 1, max: HOTTEST, log: true, marks: [1, 2, 4, 10], onInput: (temperature) => save(model, { temperature }) });
  const many = slider(row, { label: "Labels", min: 0, max: counts.length - 1, step: 1, marks: counts.map((_, i) => i), names: (i) => counts[i], format: (i) => String(counts[i]),
    onInput: (i) => save(model, { labels: counts[i] }) });
  button(row, "Other points", () => save(model, { seed: get("seed") + 1 }), { title: "draw as many new points with their labels" });
  html("p", { class: "kd-hint" }, root, "Field: what the teacher tells the distilled student, at T. Lines: where a student says 10, 50, 90 % (at T = 1).");

  const place = (value) => ((value + extent) / (2 * extent)) * SIZE;
  let painted = null;
  function paint(temperature) {
    if (painted === temperature) return;
    painted = temperature;
    const canvas = html("canvas", { width: side, height: side });
    const context = canvas.getContext("2d");
    const picture = context.createImageData(side, side);
    field.forEach((logit, i) => (picture.data[4 * i + 3] = 255 * chance(logit / temperature)));
    context.putImageData(picture, 0, 0);
    for (const { ground } of planes) ground.setAttribute("href", canvas.toDataURL());
  }

  let dotted = null;
  function drawDots(points) {
    if (dotted === points) return;
    dotted = points;
    for (const { dots } of planes)
      dots.replaceChildren(...points.map(([x, y, label]) => svg("circle", { cx: place(x), cy: place(-y), r: points.length > 100 ? 2.6 : 4.5, class: label ? "kd-one" : "kd-zero-dot" })));
  }

  // Between the points of the grid.
  function read(values) {
    const [x, y] = [(place(at.x) / SIZE) * (side - 1), (place(-at.y) / SIZE) * (side - 1)];
    const [i, j] = [Math.min(Math.floor(x), side - 2), Math.min(Math.floor(y), side - 2)];
    const [u, v] = [x - i, y - j];
    const of = (a, b) => values[(j + b) * side + i + a];
    return (1 - v) * ((1 - u) * of(0, 0) + u * of(1, 0)) + v * ((1 - u) * of(0, 1) + u * of(1, 1));
  }

  function draw() {
    const temperature = get("temperature");
    const said = floats("_said");
    const values = { distilled: said.subarray(0, field.length), hard: said.subarray(field.length) };
    tools();
    paint(temperature);
    drawDots(get("shown_points"));
    for (const { kind, figure, lines, cross } of planes) {
      lines.forEach(({ halo, line }, i) => {
        const d = levelLine(values[kind], side, LEVELS[i][1], SIZE);
        for (const path of [halo, line]) path.setAttribute("d", d);
      });
      const [x, y] = [place(at.x), place(-at.y)];
      cross.setAttribute("d", `M${x - 9} ${y}h18M${x} ${y - 9}v18`);
      figure.dataset.labels = get("shown_points").length;
      const { [kind]: distance } = get("distances");
      const { [kind]: agreement } = get("agreement");
      setText(judged[kind], `${kind === "hard" ? "hard labels" : "distilled"}: KL from the truth ${distance.toFixed(2)}, right side ${decimals(100 * agreement, 0)} %`);
    }
    const whole = (logit) => `${decimals(100 * chance(logit), 0)} %`;
    setText(here, `At the cross ● has: teacher ${whole(read(field) / temperature)} at T = ${short(temperature)}, distilled ${whole(read(values.distilled))}, hard labels ${whole(read(values.hard))}.`);
    heat.set(temperature);
    many.set(Math.max(counts.indexOf(get("labels")), 0));
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "temperature", "labels", "seed", "shown_points", "distances", "agreement", "_said"], draw);
}

export default { render };
