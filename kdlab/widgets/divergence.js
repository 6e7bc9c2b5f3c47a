// DivergencePanel: two distributions, and how far apart they are. All sums are done here, at once.

const BOUNDS = [1, 2, 4, 8]; // the axes of terms end at one of these
const LEAST = -0.4; // no term is below -1/e

// p ln(p / q): nothing where p is 0, infinite where only q is 0.
const klTerm = (p, q) => (p <= 0 ? 0 : q <= 0 ? Infinity : p * Math.log(p / q));

const total = (values) => values.reduce((sum, value) => sum + value, 0);

const MEASURES = {
  forward: { name: "KL(p‖q)", term: klTerm, words: "p · log(p/q) of each class" },
  reverse: { name: "KL(q‖p)", term: (p, q) => klTerm(q, p), words: "q · log(q/p) of each class" },
  js: {
    name: "JS(p, q)",
    term: (p, q) => (klTerm(p, (p + q) / 2) + klTerm(q, (p + q) / 2)) / 2,
    words: "never negative, never above log 2",
  },
};

// Sets one probability; the others keep their proportions, or those of `memory` when nothing is left of them.
function withShare(values, chosen, value, memory) {
  const rest = total(values) - values[chosen];
  const from = rest > 1e-6 ? values : memory;
  const size = total(from) - from[chosen];
  const equal = 1 / (values.length - 1);
  return values.map((_, i) => (i === chosen ? value : (1 - value) * (size > 1e-6 ? from[i] / size : equal)));
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const classes = get("classes");
  const goal = get("goal");
  const root = panelRoot(el, "divergence", "Two distributions and their divergences");

  const pair = html("div", { class: "kd-pair" }, root);
  const distributions = ["p", "q"].map((name, row) => {
    const title = row ? "q, the student" : "p, the teacher";
    const figure = barAxes(pair, classes, {
      title, height: 190, xLabel: row ? "the line is p" : "drag the bars, or use the arrow keys; the line is q",
      yRange: [0, 1], yFormat: (mark) => `${100 * mark} %`,
    });
    figure.setY([0, 1.04], [0, 0.25, 0.5, 0.75, 1], (mark) => `${100 * mark} %`);
    figure.root.dataset.figure = name;
    let memory = get(name);
    const move = (i, value) => {
      const now = get(name);
      if (total(now) - now[i] > 1e-6) memory = now;
      save(model, { [name]: withShare(now, i, value, memory) });
    };
    const drawn = bars(figure, classes, { name: `${name} of class`, range: [0, 1], step: 0.01, onMove: move });
    const marks = classes.map(() => svg("path", { class: "kd-other-level", "aria-hidden": "true" }, figure.plot));
    const values = svg("g", { class: "kd-bar", "aria-hidden": "true" }, figure.plot);
    values.append(...figure.plot.querySelectorAll(".kd-value")); // above the lines, or they could not be read
    return { name, figure, drawn, marks };
  });

  const three = html("div", { class: "kd-three" }, root);
  const measures = Object.entries(MEASURES).map(([key, measure]) => {
    const figure = barAxes(three, classes, { title: measure.name, label: measure.name, width: 290, height: 172, left: 34, xLabel: measure.words });
    figure.root.dataset.figure = key;
    return { key, ...measure, figure, drawn: bars(figure, classes) };
  });

  // All three have one axis, which only ever grows until all is as it was given.
  let bound = 0;
  function setBound(most, given) {
    const wanted = BOUNDS.find((end) => end >= most) ?? BOUNDS.at(-1);
    if (wanted === bound || (wanted < bound && !given)) return;
    bound = wanted;
    for (const { figure } of measures) figure.setY([LEAST * Math.sqrt(bound), bound], ticks(0, bound, 2));
  }

  const row = html("div", { class: "kd-row" }, root);
  button(row, "Swap p and q", () => save(model, { p: get("q"), q: get("p") }));
  button(row, "Copy p to q", () => save(model, { q: get("p") }));
  const undo = button(row, "Reset", () => save(model, { p: get("_given")[0], q: get("_given")[1] }));
  const inBits = checkbox(row, "in bits", (bits) => save(model, { bits }));
  const share = meter(row, "Jensen-Shannon divergence", Math.LN2);
  const showGoal = goal && goalLine(root, goal.text);

  const number = (value, digits = 2) => (value === Infinity ? "∞" : decimals(Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value, digits));

  function drawGoal(now) {
    const reached = Object.entries(goal.at_least ?? {}).every(([key, least]) => now[key] >= least)
      && Object.entries(goal.at_most ?? {}).every(([key, most]) => now[key] <= most);
    if (reached && !get("reached")) save(model, { reached: true });
    const named = Object.keys({ ...goal.at_least, ...goal.at_most });
    const sums = named.map((key) => `${MEASURES[key].name} = ${number(now[key])}`).join(", ");
    showGoal(get("reached"), `now ${sums}`);
  }

  function draw() {
    const [p, q] = [get("p"), get("q")];
    const size = get("bits") ? Math.LN2 : 1;
    const unit = get("bits") ? "bits" : "nats";
    for (const { name, figure, drawn, marks } of distributions) {
      const [own, other] = name === "p" ? [p, q] : [q, p];
      drawn.update(own, own.map((share) => decimals(100 * share, share > 0 && share < 0.0095 ? 1 : 0)), () => (name === "p" ? "kd-teacher" : "kd-student"));
      const slot = figure.box.width / classes.length;
      marks.forEach((mark, i) => mark.setAttribute("d", `M${figure.box.x + slot * (i + 0.06)} ${figure.y(other[i])}h${slot * 0.88}`));
    }
    const now = {};
    const all = measures.map(({ term }) => p.map((one, i) => term(one, q[i])));
    const given = JSON.stringify([p, q]) === JSON.stringify(get("_given"));
    setBound(Math.max(...all.flat().map((value) => value / size)), given);
    for (const [m, { key, name, figure, drawn }] of measures.entries()) {
      const terms = all[m];
      now[key] = total(terms);
      figure.setTitle(`${name} = ${number(now[key] / size, 3)} ${unit}`);
      const shown = terms.map((value) => Math.min(value / size, bound));
      drawn.update(shown, terms.map((value) => number(value / size)), (i) => (terms[i] < 0 ? "kd-negative" : "kd-term"));
    }
    share(now.js, `JS is ${number((100 * now.js) / Math.LN2, 0)} % of log 2`);
    inBits.set(get("bits"));
    undo.disabled = given;
    if (goal) drawGoal(now);
  }

  return drawOnChange(model, root, ["p", "q", "bits", "reached"], draw);
}

export default { render };
