// TemperaturePanel: logits, and what softmax makes of them at the temperature T. All sums are done here, at once.

const COLDEST = 0.05;
const HOTTEST = 100;
const FLOOR = -6; // the log scale shows 10^-6 .. 1

const METRICS = {
  probability: { of: (now, goal) => now.labels[goal.class], words: percent },
  entropy: { of: (now) => entropy(now.labels), words: (value) => `${value.toFixed(2)} nats` },
  temperature: { of: (now) => now.temperature, words: (value) => `T = ${short(value)}` },
};

// How good a value is for the goal, and whether it is good enough.
function judge(goal, value) {
  const [low, high] = goal.between ?? [goal.at_least ?? -Infinity, goal.at_most ?? Infinity];
  const missing = Math.max(low - value, value - high, 0);
  const score = goal.at_least !== undefined ? value : goal.at_most !== undefined ? -value : -missing;
  return { score, reached: missing === 0 };
}

const superscript = (n) => String(n).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻");

function render({ model, el }) {
  const get = (name) => model.get(name);
  const classes = get("classes");
  const goal = get("goal");
  const editable = get("editable");
  const root = panelRoot(el, "temperature", "Soft targets at a temperature");

  const current = () => {
    const logits = get("logits")[get("selected")];
    const temperature = get("temperature");
    return { logits, temperature, labels: softmax(logits, temperature) };
  };
  const setTemperature = (temperature) => save(model, { temperature });
  const setLogit = (i, value) => {
    const logits = get("logits").map((row) => [...row]);
    logits[get("selected")][i] = value;
    save(model, { logits });
  };

  const strip = get("_images") && gallery(root, {
    images: get("_images"), count: get("logits").length, labels: get("labels"), name: "digit",
    onChoose: (selected) => save(model, { selected }),
  });

  const pair = html("div", { class: "kd-pair" }, root);
  const range = get("_range");
  const left = barAxes(pair, classes, { title: "Logits z", xLabel: editable ? "class (drag the bars, or use the arrow keys)" : "class" });
  const room = 0.07 * (range[1] - range[0]); // for the values that stand on the highest and the lowest bars
  left.setY([range[0] - room, range[1] + room], ticks(...range));
  const right = barAxes(pair, classes, { title: "Soft targets", xLabel: "class" });
  const zBars = bars(left, classes, { name: "logit of class", range, onMove: editable ? setLogit : null });
  const pBars = bars(right, classes);
  left.root.dataset.figure = "logits";
  right.root.dataset.figure = "soft-targets";

  const row = html("div", { class: "kd-row" }, root);
  const heat = slider(row, { label: "Temperature T", min: COLDEST, max: HOTTEST, log: true, marks: [0.1, 1, 10, 100], onInput: setTemperature });
  const presets = [1, 4, 20].map((T) => button(row, String(T), () => setTemperature(T), { label: `temperature ${T}` }));

  const facts = html("div", { class: "kd-facts" }, root);
  const likely = html("span", { class: "kd-likely" }, facts);
  const order = html("span", { class: "kd-order" }, facts);
  const most = Math.log(classes.length);
  const uncertainty = meter(facts, "entropy in nats", most);
  const options = html("span", { class: "kd-options" }, facts);
  const logScale = checkbox(options, "log scale", (on) => save(model, { log_scale: on }));
  const undo = editable && button(options, "Reset logits", () => save(model, { logits: get("_given") }));
  const showGoal = goal && goalLine(root, goal.text);

  let wasLog = null;
  function setScale(log) {
    if (log === wasLog) return;
    wasLog = log;
    if (log) right.setY([FLOOR, 0.4], [-6, -4, -2, 0], (mark) => (mark ? `10${superscript(mark)}` : "1"));
    else right.setY([0, 1.06], [0, 0.25, 0.5, 0.75, 1], (mark) => `${100 * mark} %`);
  }

  function drawGoal(now) {
    const untouched = JSON.stringify(get("logits")) === JSON.stringify(get("_given"));
    const value = METRICS[goal.metric].of(now, goal);
    const { score, reached } = judge(goal, value);
    const counts = !goal.temperature_only || untouched;
    if (counts && (!get("best") || score > judge(goal, get("best").value).score))
      save(model, { best: { value, temperature: now.temperature }, reached: get("reached") || reached });
    const { words } = METRICS[goal.metric];
    const best = get("best");
    const at = goal.metric === "temperature" || !best ? "" : ` at T = ${short(best.temperature)}`;
    const note = counts ? "" : " (counts with the given logits only)";
    showGoal(get("reached"), `now ${words(value)}, best ${best ? words(best.value) + at : "none yet"}${note}`);
  }

  function draw() {
    const now = current();
    const log = get("log_scale");
    const [first, second] = ranking(now.logits);
    const style = (i) => (i === first ? "kd-first" : i === second ? "kd-second" : "kd-other");
    strip?.set(get("selected"));
    zBars.update(now.logits, now.logits.map((z) => decimals(z)), style);
    setScale(log);
    right.setTitle(`Soft targets softmax(z / T) at T = ${short(now.temperature)}`);
    if (log) pBars.update(now.labels.map((p) => Math.max(Math.log10(p), FLOOR)), now.labels.map((p) => p.toExponential(0).replace("-", "−")), style, FLOOR);
    else pBars.update(now.labels, now.labels.map((p) => (p < 0.0005 ? "≈0" : decimals(100 * p))), style);
    heat.set(now.temperature);
    for (const preset of presets) preset.setAttribute("aria-pressed", Number(preset.textContent) === now.temperature);
    setText(likely, `${classes[first]} with ${percent(now.labels[first])}, next: ${classes[second]} with ${percent(now.labels[second])}`);
    const sign = (a, b) => (now.logits[a] === now.logits[b] ? " = " : " > ");
    setText(order, "ranking: " + ranking(now.logits).map((c, i, all) => (i ? sign(all[i - 1], c) : "") + classes[c]).join(""));
    uncertainty(entropy(now.labels), `entropy ${entropy(now.labels).toFixed(2)} nats (at most ln ${classes.length} = ${most.toFixed(2)})`);
    logScale.set(log);
    if (undo) undo.disabled = JSON.stringify(get("logits")) === JSON.stringify(get("_given"));
    if (goal) drawGoal(now);
  }

  return drawOnChange(model, root, ["temperature", "logits", "selected", "log_scale"], draw);
}

export default { render };
