// WalkPanel: two students walk the same prompts while they train. Each grid is one walk; wrong turns are dashed.

const NAMES = { own: "on its own walks", given: "on given walks" };
const STEPS = [[1, 0], [-1, 0], [0, 1], [0, -1]];
const FIELD = 20, EDGE = 16; // what leads further off the grid is cut off

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "walk", "Two students learn to walk");
  const tools = toolbar(root, model);

  const pair = html("div", { class: "kd-pair kd-walk-pair" }, root);
  const learning = html("div", {}, pair);
  const figure = axes(learning, { title: `Of ${get("_tested")} new prompts, so many walks arrive`, xLabel: "step", width: 400, height: 300, left: 46, bottom: 36 });
  figure.root.dataset.figure = "curves";
  figure.setY([0, 1], [0, 0.2, 0.4, 0.6, 0.8, 1], (mark) => `${Math.round(100 * mark)} %`);
  const lines = Object.fromEntries(Object.keys(NAMES).map((arm) => [arm, curve(figure, arm)]));
  const key = legend(figure, Object.keys(NAMES), { width: 206 });

  const walking = html("div", { role: "group", "aria-label": "walks" }, pair);
  const rows = Object.entries(NAMES).map(([arm, name]) => {
    const head = html("p", { class: "kd-heading" }, walking);
    sample(head, arm);
    html("b", {}, head, `the student ${name}`);
    const row = html("div", { class: "kd-walks" }, walking);
    return { arm, grids: get("_prompts").map(() => grid(row, get("_size"))) };
  });
  const below = html("div", { class: "kd-row" }, walking);
  button(below, "Other prompts", () => tell(model, { request: "others" }));
  html("span", { class: "kd-explain" }, below, "○ start, ■ goal; a dashed step leads away from the goal");

  let shown = 0;
  function draw() {
    tools();
    const [curves, steps] = [get("curves"), get("steps")];
    if (shown !== steps) figure.setX([0, (shown = steps)]);
    for (const arm of Object.keys(NAMES)) lines[arm](curves.steps ?? [], curves[arm] ?? []);
    key(Object.entries(NAMES).map(([arm, name]) => `${name} ${Math.round(100 * (curves[arm]?.at(-1) ?? 0))} %`));
    for (const { arm, grids } of rows) grids.forEach((show, i) => show(get("_prompts")[i], (get("_walks")[arm] ?? [])[i]));
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "curves", "_prompts", "_walks"], draw);
}

// A line as the curves have it.
function sample(parent, arm) {
  const picture = svg("svg", { viewBox: "0 0 30 12", class: "kd-sample", "aria-hidden": "true" }, parent);
  svg("path", { d: "M1 6h28", class: `kd-curve kd-${arm}` }, picture);
}

// One prompt, and how it is walked.
function grid(parent, size) {
  const box = html("figure", { class: "kd-grid-box" }, parent);
  const side = size * FIELD + 2 * EDGE;
  const root = svg("svg", { viewBox: `0 0 ${side} ${side}`, class: "kd-field", role: "img" }, box);
  const at = ([column, row]) => [EDGE + (column + 0.5) * FIELD, side - EDGE - (row + 0.5) * FIELD];
  const edges = Array.from({ length: size + 1 }, (_, i) => EDGE + i * FIELD);
  svg("path", { d: edges.map((e) => `M${e} ${EDGE}V${side - EDGE}M${EDGE} ${e}H${side - EDGE}`).join(""), class: "kd-field-lines" }, root);
  const goal = svg("rect", { width: 14, height: 14, class: "kd-goal-mark" }, root);
  const [way, astray] = ["kd-way", "kd-astray"].map((kind) => svg("path", { class: kind }, root));
  const start = svg("circle", { r: 5, class: "kd-start-mark" }, root);
  const end = svg("circle", { r: 3.5, class: "kd-end-mark" }, root);
  const words = html("figcaption", {}, box);
  return ([x, y, goalX, goalY], walk) => {
    const [moves, wrong, there] = walk ?? [[], [], false];
    const [[sx, sy], [gx, gy]] = [at([x, y]), at([goalX, goalY])];
    setAttributes(goal, { x: gx - 7, y: gy - 7 });
    setAttributes(start, { cx: sx, cy: sy });
    let [here, good, bad] = [[x, y], "", ""];
    moves.forEach((move, i) => {
      const next = [here[0] + STEPS[move][0], here[1] + STEPS[move][1]];
      const piece = `M${at(here).join(" ")}L${at(next).join(" ")}`;
      if (wrong[i]) bad += piece;
      else good += piece;
      here = next;
    });
    way.setAttribute("d", good);
    astray.setAttribute("d", bad);
    const [ex, ey] = at(here);
    setAttributes(end, { cx: ex, cy: ey });
    const count = wrong.filter(Boolean).length;
    const turns = count ? `, ${count} wrong` : "";
    setText(words, `${there ? "✓" : "✗"} ${count ? `${count} wrong` : there ? "arrived" : "too short"}`);
    words.dataset.there = there;
    root.setAttribute("aria-label", `from column ${x + 1}, row ${y + 1} to column ${goalX + 1}, row ${goalY + 1}: ${there ? "arrived" : "did not arrive"} after ${moves.length} moves${turns}`);
  };
}

export default { render };
