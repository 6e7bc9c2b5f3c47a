// BiasPanel: Python sends the errors at each stop of the slider; here they are only shown.

const KINDS = ["total", "on-digit", "on-others"];
const KEYS = { total: "all", "on-digit": "digit", "on-others": "others" };

const signed = (value) => (value > 0.05 ? "+" : "") + (Math.abs(value) < 0.05 ? "0" : decimals(value));

// A round number above the value, so that an axis ends at a tick.
function above(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return power * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((m) => m * power >= value);
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const [digit, plural, curves] = [get("digit"), get("_plural"), get("_curves")];
  const biases = curves.bias;
  const stops = ticks(biases[0], biases.at(-1), 8);
  const zero = biases.findIndex((bias) => Math.abs(bias) < 0.05);
  const count = curves.answers[0].reduce((a, b) => a + b);
  const least = Math.min(...curves.all);
  const classes = Array.from({ length: 10 }, (_, i) => String(i));
  const root = panelRoot(el, "bias", `A bias on the logit of ${digit}`);

  const key = html("div", { class: "kd-signs" }, root);
  const numbers = ["errors in all", `on the ${plural}`, "on the other digits"].map((words, i) => {
    const item = html("span", {}, key);
    const line = svg("svg", { width: 30, height: 12, "aria-hidden": "true" }, item);
    svg("path", { d: "M1 6h28", class: `kd-curve kd-${KINDS[i]}` }, line);
    html("span", {}, item, words);
    return html("b", {}, item);
  });

  const pair = html("div", { class: "kd-pair" }, root);
  const errors = axes(pair, {
    title: `Validation errors, ${get("name")}`, xLabel: `bias on the logit of ${digit}; the curves show what you have passed`,
    height: 318, left: 44, xRange: [biases[0], biases.at(-1)],
  });
  errors.root.dataset.figure = "errors";
  errors.setX([biases[0], biases.at(-1)], stops);
  errors.setY([0, 1.15 * curves.all[zero]]);
  const marker = svg("path", { class: "kd-at" }, errors.plot);
  const lines = KINDS.map((kind) => svg("path", { class: `kd-curve kd-${kind}` }, errors.clipped));
  const dots = KINDS.map((kind) => svg("circle", { r: 4.5, class: `kd-end-point kd-${kind}` }, errors.clipped));

  const column = html("div", {}, pair);
  const called = barAxes(column, classes, { label: `what the ${plural} are called`, height: 150, bottom: 22, left: 44, yRange: [0, 1.14 * count] });
  called.setY([0, 1.14 * count], ticks(0, count, 3));
  called.root.dataset.figure = "answers";
  const most = Math.max(...curves.taken[curves.all.indexOf(least)].map((n, i) => (i === digit ? 0 : n)));
  const leastRoom = above(Math.max(2 * most, 20));
  let shownRoom = 0;
  const wrongly = barAxes(column, classes, { title: "", label: `what is wrongly called a ${digit}`, height: 168, left: 44, xLabel: "class" });
  wrongly.root.dataset.figure = "taken";
  const calledBars = bars(called, classes);
  const wronglyBars = bars(wrongly, classes);

  const row = html("div", { class: "kd-row" }, root);
  const choose = (bias) => save(model, { bias, seen: [Math.min(get("seen")[0], bias), Math.max(get("seen")[1], bias)] });
  const weight = slider(row, { label: `Bias on the logit of ${digit}`, min: biases[0], max: biases.at(-1), step: 0.1, marks: stops, format: signed, onInput: choose });
  button(row, "Reset", () => save(model, { bias: 0, seen: [0, 0] }), { title: "no bias, and no curves" });
  const showGoal = goalLine(root, "the fewest validation errors in all (within 1 %)");

  const exam = get("_has_test") && html("div", { class: "kd-row kd-exam" }, root);
  const open = exam && button(exam, "Open the test set", () => canOpen() && tell(model, { request: "test" }));
  const verdict = exam && html("span", { role: "status" }, exam);
  const canOpen = () => Math.abs(get("bias")) > 0.05;

  function examWords() {
    const result = get("test_result");
    if (!result) return "With the bias that you have chosen: once, last.";
    const part = (name) => `${result[name].all} errors, ${result[name].digit} on the ${plural}`;
    const opened = get("tests_opened");
    const often = opened > 1 ? ` Opened ${opened} times: the more often you look, the less it tells.` : "";
    return `${result.of} test images. Without a bias: ${part("without")}. With ${signed(result.bias)}: ${part("with")}.${often}`;
  }

  function drawGoal(bias, now) {
    const best = get("best");
    if (!best || now < best.errors) save(model, { best: { bias, errors: now }, reached: get("reached") || now <= get("_enough") });
    const seen = get("best");
    showGoal(get("reached"), `now ${now} errors, best ${seen.errors} with ${signed(seen.bias)}`);
  }

  function draw() {
    const bias = get("bias");
    const at = clamp(Math.round((bias - biases[0]) * 10), 0, biases.length - 1);
    const [low, high] = get("seen").map((edge) => Math.round((edge - biases[0]) * 10));
    const passed = biases.slice(low, high + 1);
    KINDS.forEach((kind, i) => {
      const values = curves[KEYS[kind]];
      lines[i].setAttribute("d", `M${passed.map((x, k) => `${errors.x(x).toFixed(1)} ${errors.y(values[low + k]).toFixed(1)}`).join("L")}`);
      setAttributes(dots[i], { cx: errors.x(biases[at]), cy: errors.y(values[at]) });
      setText(numbers[i], String(values[at]));
    });
    marker.setAttribute("d", `M${errors.x(biases[at])} ${errors.box.y}v${errors.box.height}`);
    const right = curves.answers[at][digit];
    called.setTitle(`${right} of ${count} ${plural} are called ${digit}`);
    calledBars.update(curves.answers[at], curves.answers[at].map((n) => (n ? String(n) : "")), (i) => (i === digit ? "kd-right" : "kd-on-digit"));
    const taken = curves.taken[at].map((n, i) => (i === digit ? 0 : n));
    const room = Math.max(leastRoom, above(Math.max(...taken))); // higher where the bars are: none is cut
    if (room !== shownRoom) wrongly.setY([0, 1.14 * (shownRoom = room)], ticks(0, room, 3));
    wrongly.setTitle(`${taken.reduce((a, b) => a + b)} other digits are called ${digit}`);
    wronglyBars.update(taken, taken.map((n) => (n ? String(n) : "")), () => "kd-on-others");
    weight.set(bias);
    drawGoal(biases[at], curves.all[at]);
    if (exam) {
      open.setAttribute("aria-disabled", !canOpen());
      setText(verdict, examWords());
    }
  }

  return drawOnChange(model, root, ["bias", "seen", "best", "reached", "test_result", "tests_opened"], draw);
}

export default { render };
