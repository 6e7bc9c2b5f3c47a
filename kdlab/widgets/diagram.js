// DiagramPanel: a picture, two answers, two losses, and where the gradient goes. All sums are done here, from logits.

const COLDEST = 1;
const HOTTEST = 20;
const WIDEST = 13; // pixels of an arrow that carries the whole gradient

function logSoftmax(logits, temperature) {
  const top = Math.max(...logits);
  const sum = Math.log(logits.reduce((total, z) => total + Math.exp((z - top) / temperature), 0));
  return logits.map((z) => (z - top) / temperature - sum);
}

// As kdlab.losses has them: the label meets the student at T = 1, the teacher meets it at T, times T².
function lossesOf(student, teacher, label, temperature, alpha) {
  const logQ = logSoftmax(student, temperature);
  const kl = logSoftmax(teacher, temperature).reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - logQ[i]), 0);
  const hard = -logSoftmax(student, 1)[label];
  const soft = temperature ** 2 * Math.max(kl, 0);
  return { hard, soft, total: alpha * hard + (1 - alpha) * soft };
}

// A network as dots and lines, `layers` of them. Its size on the page says which one is large.
function network(parent, kind, layers) {
  const figure = svg("svg", { viewBox: "0 0 100 80", class: `kd-network kd-${kind}`, "aria-hidden": "true" }, parent);
  const most = Math.max(...layers);
  const places = layers.map((count, column) =>
    Array.from({ length: count }, (_, i) => [10 + (80 * column) / (layers.length - 1), 40 + ((i - (count - 1) / 2) * 70) / most]));
  const lines = places.slice(1).flatMap((column, i) => column.flatMap(([x, y]) => places[i].map(([a, b]) => `M${a} ${b}L${x} ${y}`)));
  svg("path", { d: lines.join(""), class: "kd-web" }, figure);
  for (const [cx, cy] of places.flat()) svg("circle", { cx, cy, r: 3.4 }, figure);
}

const sizeWords = (count) => (count >= 1e6 ? `${short(count / 1e6)} million` : count.toLocaleString("en-GB").replaceAll(",", " ")) + " weights";

// What the last three phrases say.
const inFormulas = ({ hard, soft, total }, temperature, alpha, sure) => ({
  hard: `is −ln ${sure.toPrecision(3)} = ${hard.toFixed(2)}: what the student, at T = 1, gives the label.`,
  soft: `is T² · KL = ${short(temperature ** 2)} · ${short(soft / temperature ** 2)} = ${soft.toFixed(2)}: how far bars and lines are apart.`,
  gradient: `of ${short(alpha)} · ${hard.toFixed(2)} + ${short(1 - alpha)} · ${soft.toFixed(2)} = ${total.toFixed(2)} flows into the student, never into the teacher.`,
});
const plainly = ({ hard, soft }, alpha) => ({
  hard: `says how far the student is from the label: ${hard.toFixed(2)}.`,
  soft: `says how far the student is from the teacher: ${soft.toFixed(2)}.`,
  gradient: `of ${short(alpha)} × hard + ${short(1 - alpha)} × soft changes the student, never the teacher.`,
});

function answersFigure(parent, kind, classes) {
  const figure = barAxes(parent, classes, { label: `what the ${kind} answers`, width: 300, height: 118, left: 6, right: 6, top: 24, bottom: 22 });
  figure.setY([0, 1.16], [0, 0.5, 1], () => "");
  figure.root.dataset.figure = kind;
  const cursor = svg("rect", { class: "kd-slot-here", y: figure.box.y, height: figure.box.height, width: figure.box.width / classes.length }, figure.plot);
  const drawn = bars(figure, classes);
  const levels = kind === "student" && classes.map(() => svg("path", { class: "kd-level" }, figure.plot));
  return { figure, drawn, levels, cursor };
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const classes = get("_teacher")[0].map((_, i) => String(i));
  const root = panelRoot(el, "diagram", "Distillation in one picture");
  const strip = gallery(root, { images: get("_images"), count: get("labels").length, labels: get("labels"), name: "picture", onChoose: (selected) => save(model, { selected }) });
  const tools = get("learns") && toolbar(root, model);

  // ---- the stage: parts in a grid, arrows on top of them
  const stage = html("div", { class: "kd-scene" }, root);
  const part = (names, className, parent = stage) => html("div", { class: className, "data-part": names }, parent);
  const flow = svg("svg", { class: "kd-flow", "aria-hidden": "true" }, stage);
  const input = part("teacher student", "kd-input");
  const size = Math.sqrt(get("_images").byteLength / get("labels").length);
  const digit = html("canvas", { width: size, height: size, "aria-hidden": "true" }, input);
  const caption = html("span", {}, input);
  const nets = {};
  const charts = {};
  for (const [kind, layers] of [["teacher", [5, 8, 8, 5]], ["student", [4, 5, 5, 4]]]) {
    nets[kind] = part(`${kind}${kind === "student" ? " gradient" : ""}`, `kd-net kd-net-${kind}`);
    html("b", {}, nets[kind], kind);
    network(nets[kind], kind, layers);
    html("span", {}, nets[kind], sizeWords(get("weights")[kind]));
    const box = part(kind === "student" ? "student hard soft" : "teacher soft", `kd-chart kd-chart-${kind}`);
    charts[kind] = { box, ...answersFigure(box, kind, classes) };
  }
  const lossBox = (kind, title, formula) => {
    const box = part(`${kind} gradient${kind === "hard" ? " label" : ""}`, `kd-loss-box kd-${kind}`);
    html("b", {}, box, title);
    const value = html("strong", {}, box);
    const words = html("span", {}, box, formula);
    return { box, value, words };
  };
  const soft = lossBox("soft", "soft loss", "");
  const hard = lossBox("hard", "hard loss", "");
  const said = html("span", { class: "kd-label-chip" }, hard.box);

  // ---- its own words: each begins with the name of what it speaks of, and lights it up
  const words = html("div", { class: "kd-words" }, root);
  const phrase = (name, text) => {
    const row = html("div", { class: "kd-phrase", "data-of": name }, words);
    const node = button(row, text, () => light(lit === name && pinned ? null : name, true));
    node.setAttribute("aria-pressed", "false");
    // Where the page scrolls below a pointer that rests, it has entered too, but nobody has pointed.
    row.addEventListener("pointermove", (event) => (event.movementX || event.movementY) && lit !== name && (pinned || light(name)));
    row.addEventListener("pointerleave", () => pinned || light(null));
    node.addEventListener("focus", () => pinned || light(name));
    node.addEventListener("blur", () => light(null));
    return { row, node, rest: html("span", {}, row) };
  };
  let [lit, pinned] = [null, false];
  function light(name, pin = false) {
    [lit, pinned] = [name, pin && name !== null];
    stage.classList.toggle("kd-speaking", name !== null);
    for (const node of stage.querySelectorAll("[data-part]")) node.classList.toggle("kd-lit", node.dataset.part.split(" ").includes(name));
    for (const [key, { row, node }] of Object.entries(rows)) {
      row.classList.toggle("kd-lit", key === name);
      node.setAttribute("aria-pressed", pinned && key === name);
    }
  }
  const rows = {
    teacher: phrase("teacher", "The teacher"),
    student: phrase("student", "The student"),
    label: phrase("label", "The label"),
    hard: phrase("hard", "The hard loss"),
    soft: phrase("soft", "The soft loss"),
    gradient: phrase("gradient", "The gradient"),
  };
  const owners = [[nets.teacher, "teacher"], [charts.teacher.box, "teacher"], [nets.student, "student"], [charts.student.box, "student"],
    [said, "label"], [hard.box, "hard"], [soft.box, "soft"]];
  for (const [node, name] of owners) {
    node.addEventListener("pointerenter", () => rows[name].row.classList.add("kd-lit"));
    node.addEventListener("pointerleave", () => rows[name].row.classList.toggle("kd-lit", lit === name));
  }

  // ---- the class in hand: under the pointer, or moved by the arrow keys
  const detail = html("p", { class: "kd-class-detail" }, words);
  let watched = get("labels")[get("selected")];
  const watch = (i) => {
    if (i === watched || i < 0 || i >= classes.length) return;
    watched = i;
    draw();
  };
  for (const { figure } of Object.values(charts)) {
    setAttributes(figure.root, { role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": classes.length - 1 });
    figure.root.addEventListener("pointermove", (event) => {
      const box = figure.root.getBoundingClientRect();
      const x = ((event.clientX - box.left) * figure.root.viewBox.baseVal.width) / box.width - figure.box.x;
      watch(Math.floor((x * classes.length) / figure.box.width));
    });
    figure.root.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 3, PageDown: -3, Home: -Infinity, End: Infinity };
      if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      watch(clamp(watched + steps[event.key], 0, classes.length - 1));
    });
  }

  const row = get("sliders").length && html("div", { class: "kd-row" }, root);
  const heat = get("sliders").includes("temperature")
    && slider(row, { label: "Temperature T", min: COLDEST, max: HOTTEST, log: true, marks: [1, 2, 4, 8, 20], onInput: (temperature) => save(model, { temperature }) });
  const share = get("sliders").includes("alpha")
    && slider(row, { label: "Weight α of the label", min: 0, max: 1, step: 0.05, marks: [0, 0.5, 1], onInput: (alpha) => save(model, { alpha }) });

  // ---- arrows, laid from part to part
  const arrow = (kind, names) => {
    const group = svg("g", { class: `kd-way kd-${kind}`, "data-part": names }, flow);
    return { group, shaft: svg("path", { class: "kd-way-shaft" }, group), pulse: svg("path", { class: "kd-way-pulse" }, group), head: svg("path", { class: "kd-way-head" }, group) };
  };
  const forward = {
    toTeacher: arrow("forward", "teacher"), toStudent: arrow("forward", "student"),
    teacherSays: arrow("forward", "teacher"), studentSays: arrow("forward", "student"),
    teacherToSoft: arrow("forward", "soft"), studentToSoft: arrow("forward", "soft"), studentToHard: arrow("forward", "hard"),
  };
  const softWay = arrow("soft", "gradient soft");
  const hardWay = arrow("hard", "gradient hard");
  const none = svg("g", { class: "kd-no-way", "data-part": "gradient teacher" }, flow);
  const stub = svg("path", {}, none);
  const cross = svg("path", { class: "kd-barred" }, none);
  const noWords = svg("text", {}, none, "no gradient");
  const softWords = svg("text", { class: "kd-way-words" }, softWay.group);
  const hardWords = svg("text", { class: "kd-way-words" }, hardWay.group);

  // A way through corners; the head stands at its end, and the shaft ends where the head begins.
  function lay({ shaft, pulse, head }, corners, width) {
    const [[x0, y0], [x1, y1]] = corners.slice(-2);
    const long = Math.hypot(x1 - x0, y1 - y0) || 1;
    const [dx, dy] = [(x1 - x0) / long, (y1 - y0) / long];
    const tall = Math.min(5 + width, long);
    const wide = 3 + width * 0.85;
    const neck = [x1 - dx * tall, y1 - dy * tall];
    const d = `M${[...corners.slice(0, -1), neck].map((at) => at.map((v) => v.toFixed(1)).join(" ")).join("L")}`;
    for (const path of [shaft, pulse]) path.setAttribute("d", d);
    shaft.style.strokeWidth = `${width}px`;
    pulse.style.strokeWidth = `${Math.min(2, width / 3)}px`;
    head.setAttribute("d", `M${x1} ${y1}L${neck[0] - dy * wide} ${neck[1] + dx * wide}L${neck[0] + dy * wide} ${neck[1] - dx * wide}Z`);
  }

  function layAll(alpha) {
    const ground = stage.getBoundingClientRect();
    if (!ground.width) return;
    const scale = stage.clientWidth / ground.width; // a panel in presentation is zoomed
    flow.setAttribute("viewBox", `0 0 ${stage.clientWidth} ${stage.clientHeight}`);
    const at = (node) => {
      const box = node.getBoundingClientRect();
      const [left, top] = [(box.left - ground.left) * scale, (box.top - ground.top) * scale];
      const [width, height] = [box.width * scale, box.height * scale];
      return { left, top, right: left + width, bottom: top + height, x: left + width / 2, y: top + height / 2 };
    };
    const [picture, softAt, hardAt] = [at(digit), at(soft.box), at(hard.box)];
    const net = { teacher: at(nets.teacher), student: at(nets.student) };
    const drawn = { teacher: at(nets.teacher.querySelector("svg")), student: at(nets.student.querySelector("svg")) };
    const chart = { teacher: at(charts.teacher.box), student: at(charts.student.box) };
    for (const who of ["teacher", "student"]) {
      const [into, says] = who === "teacher" ? [forward.toTeacher, forward.teacherSays] : [forward.toStudent, forward.studentSays];
      const [y, aside, turn] = [drawn[who].y, who === "teacher" ? -8 : 8, picture.right + 10];
      lay(into, [[picture.right + 3, picture.y + aside], [turn, picture.y + aside], [turn, y], [drawn[who].left - 1, y]], 1.6);
      lay(says, [[drawn[who].right + 1, y], [chart[who].left - 1, y]], 1.6);
    }
    const gap = (chart.teacher.bottom + chart.student.top) / 2;
    const low = chart.student.bottom + 16;
    lay(forward.teacherToSoft, [[chart.teacher.right + 1, softAt.top + 12], [softAt.left - 2, softAt.top + 12]], 1.6);
    const up = Math.min(chart.student.top + 18, hardAt.top - 5);
    lay(forward.studentToSoft, [[chart.student.right + 1, up], [softAt.left + 14, up], [softAt.left + 14, softAt.bottom + 1]], 1.6);
    lay(forward.studentToHard, [[chart.student.right + 1, hardAt.y], [hardAt.left - 2, hardAt.y]], 1.6);
    const x = net.student.x;
    lay(softWay, [[softAt.left - 1, gap], [x, gap], [x, net.student.top - 1]], 1 + (WIDEST - 1) * (1 - alpha));
    lay(hardWay, [[hardAt.left + 20, hardAt.bottom], [hardAt.left + 20, low], [x, low], [x, net.student.bottom + 1]], 1 + (WIDEST - 1) * alpha);
    softWay.group.classList.toggle("kd-shut", alpha === 1);
    hardWay.group.classList.toggle("kd-shut", alpha === 0);
    const end = net.teacher.bottom + 2;
    const start = gap - 9;
    stub.setAttribute("d", `M${x} ${start}V${end}`);
    const middle = (start + end) / 2;
    cross.setAttribute("d", `M${x - 5} ${middle - 5}l10 10M${x + 5} ${middle - 5}l-10 10`);
    setAttributes(noWords, { x: x + 11, y: middle + 4 });
    const room = chart.student.right - 6;
    setAttributes(softWords, { x: room, y: gap - 9 });
    setAttributes(hardWords, { x: room, y: low + 18 });
  }

  function logitsOf() {
    const { buffer, byteOffset } = get("_said");
    const all = new Float32Array(buffer.slice(byteOffset, byteOffset + 4 * classes.length * get("labels").length));
    const i = get("selected");
    return { teacher: get("_teacher")[i], student: Array.from(all.subarray(i * classes.length, (i + 1) * classes.length)) };
  }

  const top = (values) => {
    const [first, second] = ranking(values);
    return `${classes[first]} with ${percent(values[first])}, then ${classes[second]} with ${percent(values[second])}`;
  };

  let shown = -1;
  function draw() {
    const [temperature, alpha, selected] = [get("temperature"), get("alpha"), get("selected")];
    const label = get("labels")[selected];
    const logits = logitsOf();
    if (shown !== selected) {
      const bytes = new Uint8Array(get("_images").buffer, get("_images").byteOffset, get("_images").byteLength);
      drawDigit(digit, bytes.subarray(selected * size * size));
      if (shown >= 0) watched = label;
      shown = selected;
    }
    if (tools) tools();
    strip.set(selected);
    setText(caption, "the picture");
    const answers = {};
    for (const [kind, { figure, drawn, levels, cursor }] of Object.entries(charts)) {
      const values = (answers[kind] = softmax(logits[kind], temperature));
      figure.setTitle(`${kind} at T = ${short(temperature)}`);
      const least = unitOf(figure.root) > 1.25 ? 0.095 : levels ? 0.055 : 0.005; // there is no room for more words
      drawn.update(values, values.map((p) => (p >= least ? decimals(100 * p, 0) : "")), () => `kd-${kind === "teacher" ? "teacher" : "distilled"}`, 0, levels && answers.teacher);
      [...figure.names.children].forEach((name, i) => name.classList.toggle("kd-is-label", i === label));
      const slot = figure.box.width / classes.length;
      cursor.setAttribute("x", figure.box.x + slot * watched);
      if (levels)
        levels.forEach((path, i) => path.setAttribute("d", `M${figure.box.x + slot * (i + 0.06)} ${figure.y(answers.teacher[i])}h${slot * 0.88}`));
    }
    const now = lossesOf(logits.student, logits.teacher, label, temperature, alpha);
    Object.assign(root.dataset, now); // exact, for who wants more digits than are shown
    const sure = softmax(logits.student)[label];
    setText(soft.value, now.soft.toFixed(2));
    setText(soft.words, "teacher ↔ student");
    setText(hard.value, now.hard.toFixed(2));
    setText(hard.words, "label ↔ student");
    setText(said, `label: ${classes[label]}`);
    setText(softWords, `${short(1 - alpha)} × soft`);
    setText(hardWords, `${short(alpha)} × hard`);
    setText(rows.teacher.rest, `answers ${top(answers.teacher)}. It is trained already.`);
    setText(rows.student.rest, `answers ${top(answers.student)}. Lines: where the teacher is.`);
    setText(rows.label.rest, `says ${classes[label]}, and nothing about the other classes.`);
    for (const [name, text] of Object.entries(get("formulas") ? inFormulas(now, temperature, alpha, sure) : plainly(now, alpha))) setText(rows[name].rest, text);
    const words = `class ${classes[watched]}: teacher ${percent(answers.teacher[watched])}, student ${percent(answers.student[watched])}, label ${watched === label ? "100 %" : "0 %"}`;
    setText(detail, words);
    for (const { figure } of Object.values(charts)) setAttributes(figure.root, { "aria-valuenow": watched, "aria-valuetext": words });
    if (heat) heat.set(temperature);
    if (share) share.set(alpha);
    root.dataset.running = get("state") === "running";
    layAll(alpha);
  }

  root.addEventListener("kd-fitted", draw);
  return drawOnChange(model, root, [...LIVE_TRAITS, "temperature", "alpha", "selected", "_said"], draw);
}

export default { render };
