// RacePanel: two students that differ in their loss alone. The soft targets are computed here, from logits.

const NAMES = { teacher: "teacher", distilled: "distilled student", hard: "hard-label student" };

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "race", "A race of two students");
  const tools = toolbar(root, model);

  const pair = html("div", { class: "kd-pair" }, root);
  const percents = { tick: (mark) => `${short(100 * mark)} %`, words: (value) => `${decimals(100 * value)} %` };
  const curves = raceCurves(pair, model, { title: `Accuracy on ${get("curve_images")} validation images`, range: get("accuracy_range"), level: get("teacher_accuracy"), format: percents, floor: get("accuracy_range")[0] > 0 ? 0 : null });

  const column = html("div", {}, pair);
  const classes = get("_teacher")[0].map((_, i) => String(i));
  const charts = Object.keys(NAMES).map((kind, i) => {
    const last = i === 2;
    const figure = barAxes(column, classes, { label: NAMES[kind], height: last ? 128 : 95, bottom: last ? 36 : 3, top: 22, left: 44, xLabel: last ? "class" : "" });
    if (!last) figure.names.remove();
    figure.setY([0, 1.12], [0, 0.5, 1], (mark) => `${100 * mark} %`);
    figure.root.dataset.figure = kind;
    return { kind, figure, drawn: bars(figure, classes) };
  });

  const strip = gallery(root, { images: get("_images"), count: get("_teacher").length, name: "picture", onChoose: (selected) => save(model, { selected }) });
  const row = html("div", { class: "kd-row" }, root);
  const sliders = steering(row, model, { label: "Temperature T", min: 1, max: 20, marks: [1, 2, 4, 8, 20] });
  const line = recipeLine(root, model);

  const exam = html("div", { class: "kd-row kd-exam" }, root);
  const open = button(exam, "Open the test set", () => canOpen() && tell(model, { request: "test" }));
  const verdict = html("span", { role: "status" }, exam);
  const canOpen = () => get("state") === "finished" && !get("test_result");

  function examWords() {
    const opened = get("tests_opened");
    const times = opened > 1 ? ` Opened ${opened} times in this panel: the more often you look, the less it tells.` : "";
    const result = get("test_result");
    if (result) return `Errors of ${result.of}: distilled ${result.distilled}, hard labels ${result.hard}. It is closed again until a new run.${times}`;
    return `${canOpen() ? "Once, last: when you have decided on a recipe." : "Opens when a run has finished."}${times}`;
  }

  // Python sends the logits of both students as float32, (2, pictures, classes).
  function studentLogits() {
    const { buffer, byteOffset, byteLength } = get("_said");
    const all = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    const size = get("_teacher").length * classes.length;
    const rows = (start) => get("_teacher").map((_, i) => Array.from(all.subarray(start + i * classes.length, start + (i + 1) * classes.length)));
    return { distilled: rows(0), hard: rows(size) };
  }

  function draw() {
    tools();
    curves();
    const [selected, temperature] = [get("selected"), get("temperature")];
    const logits = { teacher: get("_teacher"), ...studentLogits() };
    for (const { kind, figure, drawn } of charts) {
      const labels = softmax(logits[kind][selected], temperature);
      drawn.update(labels, labels.map((p) => (p < 0.005 ? "" : decimals(100 * p, 0))), () => `kd-${kind}`);
      figure.setTitle(`${NAMES[kind]}, at T = ${short(temperature)} (%)`);
    }
    strip.set(selected);
    sliders();
    line();
    open.setAttribute("aria-disabled", !canOpen());
    setText(verdict, examWords());
  }

  return drawOnChange(model, root, [...STEERED_TRAITS, "selected", "_said", "test_result", "tests_opened"], draw);
}

export default { render };
