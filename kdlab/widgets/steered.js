// What panels share in which two students race while the reader steers.

const STEERED_TRAITS = [...LIVE_TRAITS, "temperature", "alpha", "line", "line_error", "curves", "changes"];
const KINDS = ["teacher", "distilled", "hard"];

// What both students have reached, the teacher's level and the changes. `level` is the teacher's value, `format` words one.
function raceCurves(parent, model, { title, range, level, format, width = 380, height = 318, legendWidth = 176, legendAt = "bottom", floor = null }) {
  const get = (name) => model.get(name);
  const figure = axes(parent, { title, xLabel: "step", width, height, bottom: 36, left: 44 });
  figure.root.dataset.figure = "curves";
  if (floor !== null) foldBelow(figure, range, floor);
  figure.setY(range, floor === null ? undefined : [floor, ...ticks(...range)], format.tick);
  const changes = marks(figure);
  const lines = Object.fromEntries(KINDS.map((kind) => [kind, curve(figure, kind)]));
  const key = legend(figure, KINDS, { width: legendWidth, at: legendAt });
  let shown = 0;
  return () => {
    const [curves, steps] = [get("curves"), get("steps")];
    if (shown !== steps) figure.setX([0, (shown = steps)]);
    for (const arm of ["distilled", "hard"]) lines[arm](curves.steps ?? [], curves[arm] ?? []);
    lines.teacher([0, steps], [level, level]);
    changes(get("changes"));
    const now = (arm) => (curves[arm]?.length ? ` ${format.words(curves[arm].at(-1))}` : "");
    key([`teacher ${format.words(level)}`, `distilled${now("distilled")}`, `hard labels${now("hard")}`]);
  };
}

// What lies between the floor and the range gets the lowest fifth of the axis: a run begins there, and ends above.
function foldBelow(figure, [low, high], floor) {
  const { box } = figure;
  const share = (value) => (value >= low ? 0.2 + (0.8 * (value - low)) / (high - low) : (0.2 * (value - floor)) / (low - floor));
  figure.folded = 0.2 * box.height;
  figure.y = (value) => box.y + box.height * (1 - share(value));
  svg("rect", { x: box.x, y: figure.y(low), width: box.width, height: 0.2 * box.height, class: "kd-folded" }, figure.plot);
}

// The sliders of temperature and alpha. `heatOptions` are those of the temperature's slider.
function steering(parent, model, heatOptions) {
  const onHold = (held) => save(model, { _held: held }); // a drag is one change of the recipe
  const heat = slider(parent, { log: true, ...heatOptions, onInput: (temperature) => save(model, { temperature }), onHold });
  const share = slider(parent, { label: "alpha", min: 0, max: 1, step: 0.05, marks: [0, 0.5, 1], onInput: (alpha) => save(model, { alpha }), onHold });
  return () => {
    heat.set(model.get("temperature"));
    share.set(model.get("alpha"));
  };
}

// The run in one line, which can be copied, and another one to replay.
function recipeLine(root, model) {
  const recipe = html("div", { class: "kd-row kd-recipe" }, root);
  const id = newId();
  html("label", { for: id }, recipe, "This run");
  const field = html("input", { type: "text", id, spellcheck: "false", autocomplete: "off" }, recipe);
  const replay = () => { edited = false; tell(model, { request: "replay", value: field.value }); };
  let edited = false; // what the reader pastes stays until it is replayed
  field.addEventListener("input", () => (edited = true));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) replay();
    if (event.key === "Escape") { edited = false; draw(); }
  });
  button(recipe, "Copy", () => copyText(field));
  button(recipe, "Replay", replay).classList.add("kd-replay");
  const complaint = html("p", { class: "kd-complaint", role: "alert" }, root);
  html("p", { class: "kd-hint" }, root, "Settings and changes of this run in one line. Paste another run's line and press Replay.");
  const draw = () => {
    if (!edited) field.value = model.get("line");
    setText(complaint, model.get("line_error"));
  };
  return draw;
}
