// LossPanel: what label and teacher ask of each student logit. A push is minus the gradient, so up means up.

const COLDEST = 0.5;
const HOTTEST = 50;
const BOUNDS = [1, 2.5, 5, 10, 25, 50]; // the axis of pushes ends at one of these
const RATE = 1; // of one step along the push; below 4, so that it never overshoots
const FRAMES = 400; // of a walk; it goes faster with time, as unlikely classes are moved by small pushes

const signed = (value) => (value < 0 ? "" : "+") + decimals(value, Math.abs(value) < 0.095 ? 3 : 2);

function pushes({ student, teacher, label, temperature, alpha, squared }) {
  const q = softmax(student);
  const qT = softmax(student, temperature);
  const pT = softmax(teacher, temperature);
  const scale = (1 - alpha) * (squared ? temperature : 1 / temperature);
  const hard = q.map((value, i) => alpha * ((i === label) - value));
  const soft = qT.map((value, i) => scale * (pT[i] - value));
  return { qT, pT, hard, soft, total: hard.map((value, i) => value + soft[i]) };
}

function losses({ student, teacher, label, temperature }) {
  const logs = (logits, T) => {
    const top = Math.max(...logits) / T;
    const sum = Math.log(logits.reduce((total, z) => total + Math.exp(z / T - top), 0));
    return logits.map((z) => z / T - top - sum);
  };
  const logQ = logs(student, temperature);
  const soft = logs(teacher, temperature).reduce((sum, p, i) => sum + Math.exp(p) * (p - logQ[i]), 0);
  return { hard: -logs(student, 1)[label], soft: Math.max(soft, 0) };
}

// Bars that share the slot of each class with others: they take the part [from, to] of it.
function series(figure, classes, [from, to], { onMove = null, name = "", ...options } = {}) {
  const slot = figure.box.width / classes.length;
  const parts = classes.map((label, i) => {
    const box = { ...figure.box, x: figure.box.x + slot * (i + from), width: slot * (to - from) };
    return bars({ ...figure, box }, [label], { ...options, name, onMove: onMove && ((_, value) => onMove(i, value)) });
  });
  return {
    update: (values, words, style) => parts.forEach((part, i) => part.update([values[i]], [words[i]], () => style)),
  };
}

// One arrow a class, from 0 to the value.
function arrows(figure, classes, place) {
  const slot = figure.box.width / classes.length;
  const parts = classes.map((_, i) => {
    const group = svg("g", { class: "kd-arrow" }, figure.plot);
    const shaft = svg("path", { class: "kd-shaft" }, group);
    const head = svg("path", { class: "kd-head" }, group);
    const text = svg("text", { x: figure.box.x + slot * (i + place), class: "kd-value" }, group);
    return { x: figure.box.x + slot * (i + place), shaft, head, text };
  });
  return (values, words) =>
    parts.forEach(({ x, shaft, head, text }, i) => {
      const zero = figure.y(0);
      const tip = clamp(figure.y(values[i]), figure.box.y, figure.box.y + figure.box.height);
      const size = Math.min(7, Math.abs(zero - tip));
      const back = tip + (tip < zero ? size : -size);
      shaft.setAttribute("d", `M${x} ${zero}V${back}`);
      head.setAttribute("d", `M${x - 5} ${back}L${x} ${tip}L${x + 5} ${back}Z`);
      text.setAttribute("y", tip < zero ? tip - 5 : tip + 13);
      setText(text, words[i]);
    });
}

function legend(parent, items) {
  const row = html("div", { class: "kd-legend" }, parent);
  for (const [kind, text] of items) {
    const item = html("span", {}, row);
    html("i", { class: `kd-swatch kd-${kind}`, "aria-hidden": "true" }, item, kind === "total" ? "↑" : "");
    item.append(text);
  }
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const classes = get("classes");
  const goal = get("goal");
  const range = get("_range");
  const root = panelRoot(el, "loss", "The two terms of the distillation loss");
  const current = () =>
    Object.fromEntries(["student", "teacher", "label", "temperature", "alpha", "squared"].map((name) => [name, get(name)]));

  const top = html("div", { class: "kd-top" }, root);
  if (get("_image")) gallery(top, { images: get("_image"), count: 1, name: "digit", onChoose: () => {} });
  const chooser = html("label", { class: "kd-choose" }, top, "The label says ");
  const select = html("select", {}, chooser);
  classes.forEach((name, i) => html("option", { value: i }, select, name));
  select.addEventListener("change", () => save(model, { label: Number(select.value) }));
  legend(top, [["teacher", "teacher"], ["student", "student"]]);

  const settings = html("div", { class: "kd-row" }, root);
  const heat = slider(settings, { label: "Temperature T", min: COLDEST, max: HOTTEST, log: true, marks: [1, 4, 20], onInput: (temperature) => save(model, { temperature }) });
  const weight = slider(settings, { label: "Weight α", min: 0, max: 1, step: 0.01, marks: [0, 0.5, 1], onInput: (alpha) => save(model, { alpha }) });
  const row = html("div", { class: "kd-row kd-moves" }, root);
  const squared = checkbox(row, "soft term times T²", (on) => save(model, { squared: on }));
  html("span", { class: "kd-gap" }, row);
  button(row, "One step", () => { pause(); step(); model.save_changes(); }, { title: "move the student's logits a little along the total push" });
  const follow = button(row, "Follow the push", () => (timer ? pause() : start()));
  button(row, "Reset", () => { pause(); limits = [0, 0]; save(model, get("_given")); }, { title: "logits and label as they were given" });


  const pair = html("div", { class: "kd-pair" }, root);
  const left = barAxes(pair, classes, { title: "Logits", height: 200, xLabel: "class (drag the bars, or use the arrow keys)", yRange: range });
  const right = barAxes(pair, classes, { title: "Soft targets", height: 200, xLabel: "class" });
  right.setY([0, 1.06], [0, 0.25, 0.5, 0.75, 1], (mark) => `${100 * mark} %`);
  left.root.dataset.figure = "logits";
  right.root.dataset.figure = "soft-targets";
  const place = { teacher: [0.08, 0.5], student: [0.5, 0.92] };
  const logitBars = {};
  const softBars = {};
  for (const who of ["teacher", "student"]) {
    const onMove = (i, value) => {
      pause();
      const logits = [...get(who)];
      logits[i] = value;
      save(model, { [who]: logits });
    };
    logitBars[who] = series(left, classes, place[who], { name: `${who} logit of class`, range, onMove, share: 0.9 });
    softBars[who] = series(right, classes, place[who], { share: 0.9 });
  }

  const wide = barAxes(root, classes, {
    width: 700, height: 225, title: "Push on each student logit (minus the gradient)", xLabel: "class", yFormat: (mark) => (mark > 0 ? "+" : "") + short(mark),
  });
  wide.root.dataset.figure = "pushes";
  let limits = [0, 0];
  const hardBars = series(wide, classes, [0.08, 0.36], { share: 0.9 });
  const softPush = series(wide, classes, [0.36, 0.64], { share: 0.9 });
  const totals = arrows(wide, classes, 0.8);
  legend(root, [["hard", "label: α (y − q)"], ["soft", "teacher: (1 − α) T² (p − q) / T"], ["total", "total, with its value"]]);
  const formula = root.lastChild.children[1];

  const facts = html("div", { class: "kd-facts" }, root);
  const value = html("span", { class: "kd-loss-value" }, facts);
  const detail = html("span", { class: "kd-detail" }, facts);
  const showGoal = goal && goalLine(root, goal.text);

  // The class that the pointer or the focus is on has its numbers written out.
  let watched = goal ? goal.class : get("label");
  const slot = (figure, event) => {
    const box = figure.root.getBoundingClientRect();
    const x = ((event.clientX - box.left) * figure.root.viewBox.baseVal.width) / box.width - figure.box.x;
    return Math.floor((x * classes.length) / figure.box.width);
  };
  const watch = (i) => {
    if (i < 0 || i >= classes.length || i === watched) return;
    watched = i;
    draw();
  };
  for (const figure of [left, right, wide]) figure.root.addEventListener("pointermove", (event) => watch(slot(figure, event)));
  left.root.addEventListener("focusin", (event) => watch([...left.plot.children].indexOf(event.target.closest(".kd-bar")) % classes.length));

  let timer = 0;
  let frame = 0;
  function step() {
    const now = current();
    const { total } = pushes(now);
    model.set("student", now.student.map((z, i) => clamp(z + RATE * total[i], ...range)));
    return Math.max(...total.map(Math.abs));
  }
  function walk() {
    frame += 1;
    let most = Infinity;
    for (let i = 0; i <= frame / 10; i++) most = step();
    if (most < 1e-4 || frame >= FRAMES) return pause();
    timer = requestAnimationFrame(walk);
  }
  function start() {
    frame = 0;
    timer = requestAnimationFrame(walk);
    draw();
  }
  function pause() {
    if (!timer) return;
    cancelAnimationFrame(timer);
    timer = 0;
    model.save_changes();
    draw();
  }

  function drawGoal(now, push) {
    const given = get("_given");
    const untouched = now.label === given.label && ["student", "teacher"].every((who) => now[who].every((z, i) => z === given[who][i]));
    const counts = untouched && now.alpha >= goal.alpha_at_least;
    const best = get("best");
    if (counts && (!best || push > best.push))
      save(model, { best: { push, temperature: now.temperature, alpha: now.alpha, squared: now.squared }, reached: get("reached") || push >= goal.push_at_least });
    const seen = get("best");
    const note = !untouched ? " (logits and label as given: Reset)" : counts ? "" : ` (needs α ≥ ${goal.alpha_at_least})`;
    showGoal(get("reached"), `now ${signed(push)}, best ${seen ? `${signed(seen.push)} at T = ${short(seen.temperature)}` : "none yet"}${note}`);
  }

  function draw() {
    const now = current();
    const { qT, pT, hard, soft, total } = pushes(now);
    const { hard: hardLoss, soft: softLoss } = losses(now);
    select.value = now.label;
    logitBars.teacher.update(now.teacher, now.teacher.map((z) => decimals(z)), "kd-teacher");
    logitBars.student.update(now.student, now.student.map((z) => decimals(z)), "kd-student");
    right.setTitle(`Soft targets at T = ${short(now.temperature)}`);
    const parts = (values) => values.map((p) => (p < 0.0005 ? "≈0" : decimals(100 * p)));
    softBars.teacher.update(pT, parts(pT), "kd-teacher");
    softBars.student.update(qT, parts(qT), "kd-student");
    const all = [...hard, ...soft, ...total];
    const wanted = [-Math.min(...all), Math.max(...all)].map((most) => BOUNDS.find((b) => b >= 1.15 * most) ?? BOUNDS.at(-1));
    if (wanted.some((b, i) => b > limits[i])) {
      limits = limits.map((b, i) => Math.max(b, wanted[i])); // only ever wider, so that a smaller push looks smaller
      wide.setY([-limits[0], limits[1]]);
    }
    hardBars.update(hard, hard.map(signed), "kd-hard");
    softPush.update(soft, soft.map(signed), "kd-soft");
    totals(total, total.map(signed));
    for (const figure of [left, right, wide])
      [...figure.names.children].forEach((name, i) => name.classList.toggle("kd-is-label", i === now.label));
    setText(formula.lastChild, now.squared ? "teacher: (1 − α) T² (p − q) / T" : "teacher: (1 − α) (p − q) / T");
    heat.set(now.temperature);
    weight.set(now.alpha);
    squared.set(now.squared);
    setText(follow, timer ? "Pause" : "Follow the push");
    const factor = now.squared ? now.temperature ** 2 : 1;
    const sum = now.alpha * hardLoss + (1 - now.alpha) * factor * softLoss;
    setText(value, `L = ${short(now.alpha)} · ${hardLoss.toFixed(2)} + ${short(1 - now.alpha)} · ${now.squared ? `${short(factor)} · ` : ""}${softLoss.toFixed(3)} = ${sum.toFixed(2)}`);
    setText(detail, `class ${classes[watched]}: label ${signed(hard[watched])}, teacher ${signed(soft[watched])}, total ${signed(total[watched])}`);
    if (goal) drawGoal(now, total[goal.class]);
  }

  const traits = ["student", "teacher", "label", "temperature", "alpha", "squared", "best", "reached"];
  const close = drawOnChange(model, root, traits, draw);
  return () => {
    cancelAnimationFrame(timer);
    close();
  };
}

export default { render };
