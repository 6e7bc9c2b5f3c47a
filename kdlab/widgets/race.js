// RacePanel: two students that differ in their loss alone. The soft targets are computed here, from logits.

const NAMES = { teacher: "teacher", distilled: "distilled student", hard: "hard-label student" };

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "race", "A race of two students");
  const tools = toolbar(root, model);

  const pair = html("div", { class: "kd-pair" }, root);
  const progress = axes(pair, { title: `Accuracy on ${get("curve_images")} validation images`, xLabel: "step", height: 318, bottom: 36, left: 44 });
  progress.root.dataset.figure = "curves";
  progress.setY(get("accuracy_range"), undefined, (mark) => `${short(100 * mark)} %`);
  const changes = marks(progress);
  const teacherLine = curve(progress, "teacher");
  const lines = { distilled: curve(progress, "distilled"), hard: curve(progress, "hard") };
  const key = legend(progress, Object.keys(NAMES), { width: 176 });

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
  const onHold = (held) => save(model, { _held: held }); // a drag is one change of the recipe
  const heat = slider(row, { label: "Temperature T", min: 1, max: 20, log: true, marks: [1, 2, 4, 8, 20], onInput: (temperature) => save(model, { temperature }), onHold });
  const share = slider(row, { label: "alpha", min: 0, max: 1, step: 0.05, marks: [0, 0.5, 1], onInput: (alpha) => save(model, { alpha }), onHold });

  const recipe = html("div", { class: "kd-row kd-recipe" }, root);
  const id = newId();
  html("label", { for: id }, recipe, "This run");
  const field = html("input", { type: "text", id, spellcheck: "false", autocomplete: "off" }, recipe);
  const replay = () => { edited = false; model.send({ request: "replay", value: field.value }); };
  let edited = false; // what the reader pastes stays until it is replayed
  field.addEventListener("input", () => (edited = true));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) replay();
    if (event.key === "Escape") { edited = false; draw(); }
  });
  button(recipe, "Copy", () => { field.select(); navigator.clipboard?.writeText(field.value).catch(() => document.execCommand("copy")); });
  button(recipe, "Replay", replay);
  const complaint = html("p", { class: "kd-complaint", role: "alert" }, root);
  html("p", { class: "kd-hint" }, root, "Settings and changes of this run in one line. Paste another run's line and press Replay.");

  const exam = html("div", { class: "kd-row kd-exam" }, root);
  const open = button(exam, "Open the test set", () => canOpen() && model.send({ request: "test" }));
  const verdict = html("span", { role: "status" }, exam);
  const canOpen = () => get("state") === "finished" && !get("test_result");

  function examWords() {
    const opened = get("tests_opened");
    const times = opened > 1 ? ` Opened ${opened} times in this panel: the more often you look, the less it tells.` : "";
    const result = get("test_result");
    if (result) return `Errors of ${result.of}: distilled ${result.distilled}, hard labels ${result.hard}. It is closed again until a new run.${times}`;
    return `${canOpen() ? "Once, last: when you have decided on a recipe." : "Opens when a run has finished."}${times}`;
  }

  let width = 0;
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
    const curves = get("curves");
    const steps = get("steps");
    if (width !== steps) progress.setX([0, (width = steps)]);
    for (const arm of ["distilled", "hard"]) lines[arm](curves.steps ?? [], curves[arm] ?? []);
    teacherLine([0, steps], [get("teacher_accuracy"), get("teacher_accuracy")]);
    changes(get("changes"));
    const now = (arm) => (curves[arm]?.length ? ` ${decimals(100 * curves[arm].at(-1))} %` : "");
    key([`teacher ${decimals(100 * get("teacher_accuracy"))} %`, `distilled${now("distilled")}`, `hard labels${now("hard")}`]);

    const [selected, temperature] = [get("selected"), get("temperature")];
    const logits = { teacher: get("_teacher"), ...studentLogits() };
    for (const { kind, figure, drawn } of charts) {
      const labels = softmax(logits[kind][selected], temperature);
      drawn.update(labels, labels.map((p) => (p < 0.005 ? "" : decimals(100 * p, 0))), () => `kd-${kind}`);
      figure.setTitle(`${NAMES[kind]}, at T = ${short(temperature)} (%)`);
    }
    strip.set(selected);
    heat.set(temperature);
    share.set(get("alpha"));
    if (!edited) field.value = get("line");
    setText(complaint, get("line_error"));
    open.setAttribute("aria-disabled", !canOpen());
    setText(verdict, examWords());
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "temperature", "alpha", "selected", "line", "line_error", "curves", "changes", "_said",
                                    "test_result", "tests_opened"], draw);
}

export default { render };
