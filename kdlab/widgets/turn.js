// TurnPanel: two sets of points, digits for points, and one bar for each loss. Python computes.

const MEANINGS = {
  "squared error": "squared error",
  distances: "distances",
  angles: "angles",
  similarities: "similarities",
  cosines: "cosines",
  CKA: "1 − CKA",
};
const ROOM = 1.7; // of the axes, in both directions

function points(figure, kind, labels) {
  const group = svg("g", { class: `kd-turn-${kind}`, "aria-hidden": "true" }, figure.clipped);
  const texts = labels.map((label) => svg("text", {}, group, String(label)));
  return (places) => places.forEach(([x, y], i) => setAttributes(texts[i], { x: figure.x(x).toFixed(1), y: (figure.y(y) + 4).toFixed(1) }));
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "turn", "What a loss notices when the teacher's features are turned");
  const labels = get("_labels");
  const limits = get("_limits");
  const pair = html("div", { class: "kd-pair kd-turn-pair" }, root);
  const figure = axes(pair, { label: "the features of both", width: 400, height: 400, left: 12, top: 12, bottom: 12, right: 12, xRange: [-ROOM, ROOM], yRange: [-ROOM, ROOM] });
  figure.setX([-ROOM, ROOM], []);
  figure.setY([-ROOM, ROOM], []);
  svg("path", { class: "kd-zero", d: `M${figure.x(-ROOM)} ${figure.y(0)}H${figure.x(ROOM)}M${figure.x(0)} ${figure.y(-ROOM)}V${figure.y(ROOM)}` }, figure.plot);
  const student = points(figure, "student", labels);
  const teacher = points(figure, "teacher", labels);

  const column = html("div", { class: "kd-turn-column" }, pair);
  const key = html("p", { class: "kd-turn-key" }, column);
  html("b", { class: "kd-turn-teacher" }, key, "the teacher's");
  key.append(" two numbers for each picture, and ");
  html("b", { class: "kd-turn-student" }, key, "the student's");
  key.append(", which agreed before you turned");
  html("p", { class: "kd-turn-head" }, column, "Loss, in % of what mixed-up pictures would cost");
  const meters = Object.entries(MEANINGS).map(([name, words]) => {
    const row = html("div", { class: "kd-turn-row", "data-measure": name }, column);
    html("span", {}, row, words);
    return { name, bar: meter(row, words, 1) };
  });

  const first = html("div", { class: "kd-row" }, root);
  const second = html("div", { class: "kd-row" }, root);
  const third = html("div", { class: "kd-row" }, root);
  const settings = [
    ["angle", first, { label: "Rotate", step: 1, marks: [0, 90, 180, 270, 360], unit: "°" }],
    ["scale", first, { label: "Scale", log: true, marks: [0.25, 0.5, 1, 2, 4], unit: " ×" }],
    ["shift", second, { label: "Shift right", step: 0.1, marks: [-2, -1, 0, 1, 2] }],
    ["stretch", second, { label: "Stretch upwards", log: true, marks: [0.25, 0.5, 1, 2, 4], unit: " ×" }],
  ].map(([name, row, options]) => [name, slider(row, { min: limits[name][0], max: limits[name][1], ...options, onInput: (value) => save(model, { [name]: value }) })]);
  const swap = checkbox(third, "swap the two numbers", (on) => save(model, { swap: on }));
  const mixed = checkbox(third, "mix up the pictures", (on) => save(model, { mixed: on }));
  button(third, "Start again", () => tell(model, { request: "again" }));
  const goal = goalLine(root, "find a setting that distances and angles do not see, and similarities and cosines do.");
  const complaint = html("p", { class: "kd-complaint", role: "alert" }, root);

  const wordsOf = (share) => {
    if (share === 0) return "0: does not see it";
    return share < 0.005 ? "< 1 %" : `${decimals(100 * share, 0)} %`;
  };

  function draw() {
    student(get("_student"));
    teacher(get("_teacher"));
    const shares = get("shares");
    for (const { name, bar } of meters) bar(shares[name], wordsOf(shares[name]));
    for (const [name, one] of settings) one.set(get(name));
    swap.set(get("swap"));
    mixed.set(get("mixed"));
    const [blind, sees] = [Math.max(shares.distances, shares.angles), Math.min(shares.similarities, shares.cosines)];
    goal(get("reached"), `now: distances and angles ${blind ? "see it" : "see nothing"}, similarities and cosines ${sees > 0.01 ? "see it" : "do not both see it"}`);
    setText(complaint, get("message"));
  }

  return drawOnChange(model, root, [...settings.map(([name]) => name), "swap", "mixed", "shares", "reached", "_teacher", "message"], draw);
}

export default { render };
