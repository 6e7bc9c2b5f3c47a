// ReliabilityPanel: Python sends the logits once; all sums at a temperature are done here.

const FEW = 10; // images: a bin with fewer is drawn pale
const whole = (share) => `${decimals(100 * share)} %`;

function render({ model, el }) {
  const get = (name) => model.get(name);
  const [names, bins, [count, classes]] = [get("names"), get("bins"), get("_size")];
  const root = panelRoot(el, "reliability", "Reliability diagram, and a temperature after training");

  const view = (name, Type) => { const { buffer, byteOffset, byteLength } = get(name); return new Type(buffer.slice(byteOffset, byteOffset + byteLength)); };
  const logits = view("_logits", Float32Array);
  const labels = view("_labels", Int32Array);

  // The measures of a model at a temperature. One bin holds confidences above k / bins, up to (k + 1) / bins.
  function measure(name, temperature) {
    const start = names.indexOf(name) * count * classes;
    const number = new Array(bins).fill(0);
    const sure = new Array(bins).fill(0);
    const right = new Array(bins).fill(0);
    let nll = 0;
    for (let n = 0; n < count; n++) {
      const row = start + n * classes;
      let first = 0;
      for (let c = 1; c < classes; c++) if (logits[row + c] > logits[row + first]) first = c;
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += Math.exp((logits[row + c] - logits[row + first]) / temperature);
      nll += Math.log(sum) - (logits[row + labels[n]] - logits[row + first]) / temperature;
      const bin = clamp(Math.ceil(bins / sum), 1, bins) - 1;
      number[bin] += 1;
      sure[bin] += 1 / sum;
      right[bin] += first === labels[n];
    }
    const total = (values) => values.reduce((a, b) => a + b);
    const ece = total(right.map((r, k) => Math.abs(r - sure[k]))) / count;
    return {
      number, ece, nll: nll / count, accuracy: total(right) / count, confidence: total(sure) / count,
      rate: right.map((r, k) => r / number[k]), sure: sure.map((s, k) => s / number[k]),
    };
  }

  const top = html("div", { class: "kd-row kd-top" }, root);
  const choice = menu(top, { label: "Model", names, onChoose: (i) => save(model, { model: names[i], temperature: 1 }) });
  const key = html("div", { class: "kd-signs", "aria-hidden": "true" }, top);
  for (const [kind, words] of [["rate", "right"], ["sure", "sure"], ["over", "too sure"], ["under", "not sure enough"]])
    sample(html("span", {}, key), kind, words);

  const places = Array.from({ length: bins }, (_, k) => String(k));
  const tens = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const percents = tens.map((share) => `${100 * share} %`);
  const pair = html("div", { class: "kd-pair" }, root);
  const diagram = barAxes(pair, places, { label: "reliability diagram", height: 362, left: 44, right: 18, xLabel: `confidence: how sure it is (pale: fewer than ${FEW} images)` });
  diagram.setX([0, bins], tens.map((share) => share * bins), percents);
  diagram.setY([0, 1.06], tens, (share) => `${Math.round(100 * share)} %`);
  diagram.root.dataset.figure = "diagram";
  const hatches = hatching(diagram.root);
  const rates = bars(diagram, places, { share: 0.9 });
  svg("path", { class: "kd-diagonal", d: `M${diagram.x(0)} ${diagram.y(0)}L${diagram.x(bins)} ${diagram.y(1)}` }, diagram.plot);
  const groups = [...diagram.plot.querySelectorAll(".kd-bar")];
  const gaps = places.map(() => {
    const group = svg("g", { class: "kd-gap-of-bin" }, diagram.plot);
    return { group, rect: svg("rect", {}, group), level: svg("path", { class: "kd-sure" }, group), text: svg("text", { class: "kd-value" }, group) };
  });

  const column = html("div", {}, pair);
  const crowd = barAxes(column, places, { label: "images in each bin", height: 180, left: 44, right: 18, xLabel: "confidence (dashed: its mean; solid: accuracy)" });
  crowd.setX([0, bins], tens.map((share) => share * bins), percents);
  crowd.setY([0, 1.16], [0, 0.5, 1], (share) => `${100 * share} %`);
  crowd.root.dataset.figure = "counts";
  const means = ["kd-mean-sure", "kd-mean-rate"].map((kind) => svg("path", { class: kind }, crowd.plot)); // behind the counts
  const crowds = bars(crowd, places, { share: 0.9 });

  const heats = get("_valley").temperature;
  const log = Math.log10;
  const valley = axes(column, { label: "negative log-likelihood against temperature", height: 182, left: 44, right: 18, xLabel: "temperature; the curve shows what you have passed", yFormat: short });
  const heatMarks = [0.1, 0.2, 0.5, 1, 2, 5, 10];
  valley.setX([-1, 1], heatMarks.map(log), heatMarks.map(short));
  valley.root.dataset.figure = "valley";
  const marker = svg("path", { class: "kd-at" }, valley.plot);
  const line = svg("path", { class: "kd-line" }, valley.clipped);
  const dot = svg("circle", { r: 4.5, class: "kd-dot" }, valley.clipped);

  const row = html("div", { class: "kd-row" }, root);
  const heat = slider(row, { label: "Temperature T after training", min: 0.1, max: 10, log: true, marks: heatMarks, onInput: (temperature) => save(model, { temperature }) });
  const undo = button(row, "T = 1", () => save(model, { temperature: 1 }), { label: "temperature 1: as trained" });

  const table = html("table", { class: "kd-table" }, root);
  const head = html("tr", {}, html("thead", {}, table));
  for (const words of ["", "accuracy", "mean confidence", "ECE", "NLL (nats)"]) html("th", { scope: "col" }, head, words);
  head.children[3].title = "expected calibration error: the mean gap between bars and lines";
  head.children[4].title = "negative log-likelihood";
  const body = html("tbody", {}, table);
  const lines = [0, 1].map(() => {
    const tr = html("tr", {}, body);
    return [html("th", { scope: "row" }, tr), ...[0, 1, 2, 3].map(() => html("td", {}, tr))];
  });
  const showGoal = goalLine(root, "for each model, the least negative log-likelihood");

  // As trained, and the axis of the valley: both once a model.
  let shown = null;
  let trained = null;
  function newModel(name) {
    shown = name;
    trained = measure(name, 1);
    const least = get("_enough")[name];
    valley.setY([0, Math.max(2.2 * least, 1.25 * trained.nll)], undefined, short);
  }

  function drawDiagram(now) {
    rates.update(now.rate.map((rate) => rate || 0), now.rate.map(() => ""), () => "kd-rate");
    gaps.forEach(({ group, rect, level, text }, k) => {
      const empty = !now.number[k];
      const few = now.number[k] < FEW;
      for (const part of [group, groups[k]]) part.classList.toggle("kd-few", few && !empty);
      group.setAttribute("visibility", empty ? "hidden" : "visible");
      if (empty) return;
      const [rate, sure] = [diagram.y(now.rate[k]), diagram.y(now.sure[k])];
      const slot = diagram.box.width / bins;
      const left = diagram.box.x + slot * k;
      setAttributes(rect, { x: left + 0.05 * slot, width: 0.9 * slot, y: Math.min(rate, sure), height: Math.abs(rate - sure), fill: `url(#${hatches[rate > sure ? "over" : "under"]})` });
      level.setAttribute("d", `M${left + 0.02 * slot} ${sure}h${0.96 * slot}`);
      setAttributes(text, { x: left + slot / 2, y: Math.max(Math.min(rate, sure) - 5, diagram.box.y + 8) });
      const gap = Math.round(100 * (now.rate[k] - now.sure[k]));
      setText(text, gap > 0 ? `+${gap}` : gap < 0 ? `−${-gap}` : "0");
    });
    const gap = now.accuracy - now.confidence;
    const verdict = Math.abs(gap) < 0.01 ? "About as sure as right" : gap < 0 ? "Too sure" : "Not sure enough";
    diagram.setTitle(`${verdict}: sure of ${whole(now.confidence)}, right in ${whole(now.accuracy)}`);
  }

  function drawCounts(now) {
    crowds.update(now.number.map((n) => n / count), now.number.map((n) => (n ? String(n) : "")), () => "kd-count");
    [now.confidence, now.accuracy].forEach((mean, i) => means[i].setAttribute("d", `M${crowd.x(mean * bins)} ${crowd.box.y}v${crowd.box.height}`));
    crowd.setTitle(`${count} images by confidence`);
  }

  function drawValley(name, temperature, now) {
    const all = get("_valley").nll[name];
    const [low, high] = get("seen")[name] ?? [temperature, temperature];
    const inside = heats.map((heat, i) => [heat, all[i]]).filter(([heat]) => heat > low && heat < high);
    const between = (heat) => {
      const at = clamp(((log(heat) + 1) / 2) * (heats.length - 1), 0, heats.length - 1);
      const i = Math.min(Math.floor(at), heats.length - 2);
      return [heat, all[i] + (all[i + 1] - all[i]) * (at - i)];
    };
    const points = [between(low), ...inside, between(high)].map(([heat, value]) => `${valley.x(log(heat)).toFixed(1)} ${valley.y(value).toFixed(1)}`);
    line.setAttribute("d", `M${points.join("L")}`);
    const x = valley.x(log(temperature));
    marker.setAttribute("d", `M${x} ${valley.box.y}v${valley.box.height}`);
    setAttributes(dot, { cx: x, cy: valley.y(now.nll) });
    valley.setTitle(`Negative log-likelihood ${now.nll.toFixed(3)} nats`);
  }

  function remember(name, temperature, now) {
    const [low, high] = get("seen")[name] ?? [temperature, temperature];
    const best = get("best")[name];
    const changes = {};
    if (!get("seen")[name] || temperature < low || temperature > high)
      changes.seen = { ...get("seen"), [name]: [Math.min(low, temperature), Math.max(high, temperature)] };
    if (!best || now.nll < best.nll) changes.best = { ...get("best"), [name]: { temperature, nll: now.nll } };
    if (now.nll <= get("_enough")[name] && !get("reached").includes(name)) changes.reached = [...get("reached"), name];
    if (Object.keys(changes).length) save(model, changes);
  }

  function draw() {
    const [name, temperature] = [get("model"), get("temperature")];
    if (name !== shown) newModel(name);
    const now = temperature === 1 ? trained : measure(name, temperature);
    remember(name, temperature, now);
    choice.set(names.indexOf(name));
    drawDiagram(now);
    drawCounts(now);
    drawValley(name, temperature, now);
    heat.set(temperature);
    undo.setAttribute("aria-pressed", temperature === 1);
    [["as trained, T\u00a0=\u00a01", trained], [`now, T\u00a0=\u00a0${short(temperature)}`, now]].forEach(([words, m], i) => {
      const cells = [words, whole(m.accuracy), whole(m.confidence), m.ece.toFixed(3), m.nll.toFixed(3)];
      lines[i].forEach((cell, k) => setText(cell, cells[k]));
    });
    const best = get("best")[name];
    const done = get("reached");
    const mark = done.includes(name) ? "this model ☑" : "this model ☐";
    showGoal(done.length === names.length, `${mark} now ${now.nll.toFixed(3)}, best ${best.nll.toFixed(3)} at T = ${short(best.temperature)}; ${done.length} of ${names.length} models done`);
  }

  return drawOnChange(model, root, ["model", "temperature", "seen", "best", "reached"], draw);
}

// Lines that lean to one side where the model is too sure, and to the other where it is not sure enough.
function hatching(root) {
  const defs = svg("defs", {}, root);
  return Object.fromEntries([["over", 45], ["under", -45]].map(([kind, angle]) => {
    const id = newId();
    const pattern = svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: `rotate(${angle})` }, defs);
    svg("rect", { width: 6, height: 6, class: `kd-hatch-ground kd-${kind}` }, pattern);
    svg("path", { d: "M3 0v6", class: `kd-hatch kd-${kind}` }, pattern);
    return [kind, id];
  }));
}

// A small picture of what a bar, a line or a hatched gap means.
function sample(parent, kind, words) {
  const root = svg("svg", { width: 22, height: 14, class: "kd-sample" }, parent);
  const fill = ["over", "under"].includes(kind) ? `fill: url(#${hatching(root)[kind]})` : "";
  if (kind === "sure") svg("path", { d: "M1 7h20", class: "kd-sure" }, root);
  else svg("rect", { x: 1, y: 1, width: 20, height: 12, class: `kd-${kind}`, style: fill }, root);
  html("span", {}, parent, words);
}

export default { render };
