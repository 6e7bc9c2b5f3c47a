// ExperimentPanel: controls with stops, curves of all arms of a run, and a plot that finished runs fill point by point.

const MARKERS = {
  disc: "M-3.8 0a3.8 3.8 0 1 0 7.6 0a3.8 3.8 0 1 0 -7.6 0z",
  ring: "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z",
  square: "M-3.4 -3.4h6.8v6.8h-6.8z",
  triangle: "M0 -4.4L4.2 3.2H-4.2z",
  diamond: "M0 -4.8L4.4 0L0 4.8L-4.4 0z",
  cross: "M-3.4 -3.4L3.4 3.4M3.4 -3.4L-3.4 3.4",
};
const REFERENCE_DASHES = ["2 4", "1 6", "6 3 1 3"];
const LANES = 0.44; // share of a stop's slot over which the arms are spread; the seeds of an arm share its lane

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// An arm's marker at (0, 0), to be moved by its transform.
function marker(parent, arm, words = null) {
  const node = svg("path", { d: MARKERS[arm.marker], class: `kd-marker kd-${arm.marker}`, style: `--arm: var(--kd-${arm.color})` }, parent);
  if (words) svg("title", {}, node, words);
  return node;
}

function armLine(parent, arm, name = "") {
  return svg("path", { class: `kd-curve kd-arm ${name}`, "stroke-dasharray": arm.dash, style: `--arm: var(--kd-${arm.color})` }, parent);
}

function referenceLine(parent, i, name) {
  const teacher = /\bteacher\b/.test(name) ? "kd-of-teacher" : "";
  return svg("path", { class: `kd-curve kd-reference ${teacher}`, "stroke-dasharray": REFERENCE_DASHES[i % REFERENCE_DASHES.length] }, parent);
}

// Names of stops as marks of a slider: as many as there is room for, the first always.
function stopNames(names, room = 24) {
  const every = Math.ceil((names.join("").length + 2 * names.length) / room);
  return (i) => (i % every ? "·" : names[i]);
}

// One control for one setting; onChoose(i) has the number of the stop.
function control(parent, { label, kind, names }, onChoose, onHold) {
  if (kind === "menu") return menu(parent, { label, names, onChoose });
  const options = { min: 0, max: names.length - 1, marks: names.map((_, i) => i), names: stopNames(names), format: (i) => names[i] };
  const made = slider(parent, { label, ...options, onInput: onChoose, onHold });
  made.input.closest(".kd-slider").style.setProperty("--kd-widest", `${Math.max(...names.map((name) => name.length))}ch`);
  return made;
}

// Line and marker, name and present value of each arm and reference, for both plots.
function key(parent) {
  const strip = html("div", { class: "kd-key" }, parent);
  let rows = [];
  const sample = (row) => svg("svg", { viewBox: "0 0 40 14", width: 40, height: 14, "aria-hidden": "true" }, row);
  const entry = (name, draw) => {
    const row = html("div", { class: "kd-entry" }, strip);
    draw(sample(row));
    html("span", { class: "kd-name", title: name }, row, name);
    return { name, value: html("b", {}, row) };
  };
  return {
    rebuild(arms, references) {
      strip.replaceChildren();
      rows = arms.map((arm) => entry(arm.name, (ground) => {
        armLine(ground, arm).setAttribute("d", "M1 7H39");
        marker(ground, arm).setAttribute("transform", "translate(20 7)");
      }));
      rows.push(...references.map((name, i) => entry(name, (ground) => referenceLine(ground, i, name).setAttribute("d", "M1 7H39"))));
    },
    update: (words) => rows.forEach(({ name, value }) => setText(value, words[name] ?? "")),
  };
}

// Curves that grow, each with its marker at the end.
function curvesOf(figure) {
  let drawn = {};
  return {
    rebuild(arms) {
      Object.values(drawn).forEach(({ line, end }) => { line.remove(); end.remove(); });
      drawn = Object.fromEntries(arms.map((arm) => [arm.name, { line: armLine(figure.clipped, arm), end: marker(figure.plot, arm) }]));
    },
    update(curves) {
      for (const [name, { line, end }] of Object.entries(drawn)) {
        const [steps, values] = curves[name] ?? [[], []];
        const points = steps.map((step, i) => `${figure.x(step).toFixed(1)} ${figure.y(values[i]).toFixed(1)}`);
        line.setAttribute("d", points.length ? `M${points.join("L")}` : "");
        place(figure, end, points.length ? figure.x(steps.at(-1)) : 0, values.at(-1));
      }
    },
  };
}

// A marker at its value; at the edge, and faint, if the value is beyond it. Hidden without a value.
function place(figure, node, x, value) {
  if (value === undefined) return node.setAttribute("visibility", "hidden");
  const { box } = figure;
  const y = clamp(figure.y(value), box.y, box.y + box.height);
  node.classList.toggle("kd-beyond", Math.abs(y - figure.y(value)) > 0.5);
  setAttributes(node, { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, visibility: "visible" });
}

// The outcomes in words, for those who do not see the plot, or want its numbers.
function outcomeTable(parent) {
  const details = html("details", {}, parent);
  const summary = html("summary", {}, details);
  const table = html("table", { class: "kd-numbers" }, html("div", { tabindex: 0, role: "region", "aria-label": "table of outcomes" }, details));
  const write = (part, tag, rows) => {
    for (const [first, ...others] of rows) {
      const line = html("tr", {}, part);
      html("th", { scope: tag === "th" ? "col" : "row" }, line, first);
      for (const words of others) html(tag, tag === "th" ? { scope: "col" } : {}, line, words);
    }
  };
  return (title, head, rows) => {
    setText(summary, `Outcomes as a table (${rows.length})`);
    table.replaceChildren();
    html("caption", {}, table, title);
    write(html("thead", {}, table), "th", [head]);
    write(html("tbody", {}, table), "td", rows);
  };
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "experiment", "An experiment");
  const controls = get("_controls");
  const stops = controls[get("_against")].names;

  const top = html("div", { class: "kd-controls", role: "group", "aria-label": "settings" }, root);
  const onHold = (held) => save(model, { _held: held }); // a drag is one new run
  const inputs = controls.map((one, i) => {
    const cell = html("div", { class: "kd-row" }, top);
    return control(cell, one, (stop) => save(model, { chosen: get("chosen").map((old, j) => (j === i ? stop : old)) }), onHold);
  });
  const tools = toolbar(root, model);
  const caption = html("p", { class: "kd-caption" }, root);
  const legend = key(root);

  const pair = html("div", { class: "kd-pair" }, root);
  const size = { height: 270, left: 46, bottom: 38, top: 24 };
  const progress = axes(pair, { ...size, label: "this run", xLabel: "step" });
  progress.root.dataset.figure = "curves";
  const summary = axes(pair, { ...size, title: "Outcomes so far", xLabel: controls[get("_against")].label,
                               xRange: [-0.5, stops.length - 0.5], xTicks: stops.map((_, i) => i), xNames: stops });
  summary.root.dataset.figure = "outcomes";
  const slot = summary.x(1) - summary.x(0);
  const here = svg("rect", { class: "kd-here", width: slot, y: summary.box.y, height: summary.box.height }, summary.clipped);
  const curves = curvesOf(progress);
  const lines = svg("g", {}, summary.clipped);
  const points = svg("g", {}, summary.plot);
  const moving = svg("g", {}, summary.plot); // the present run, on its way
  const references = [svg("g", {}, progress.clipped), svg("g", {}, summary.clipped)];

  const foot = html("div", { class: "kd-row kd-foot" }, root);
  const names = Object.keys(get("_measures"));
  const measures = menu(foot, { label: "Show", names: names.map((name) => get("_measures")[name].title), onChoose: (i) => save(model, { measure: names[i] }) });
  measures.row.hidden = names.length < 2;
  const hint = html("span", { class: "kd-hint kd-next" }, foot);
  const forget = button(foot, "Forget outcomes", () => get("_outcomes").length && tell(model, { request: "forget" }));

  const inWords = outcomeTable(root);

  const settingsWords = (chosen, seed) => [...controls.map(({ label, names: words }, i) => `${label} ${words[chosen[i]]}`), `seed ${seed}`].join(" · ");
  const others = (outcome) => get("chosen").some((stop, i) => i !== get("_against") && stop !== outcome.chosen[i]);
  const running = () => ["running", "paused"].includes(get("state"));

  function write(value) {
    const { unit } = get("_measures")[get("measure")];
    if (unit === "%") return `${decimals(100 * value)} %`;
    return `${short(value)}${unit && ` ${unit}`}`;
  }

  const lane = (stop, i, count) => summary.x(stop) + (count > 1 ? (i / (count - 1) - 0.5) * LANES * slot : 0);

  // Several seeds of one lane stand a little beside each other, in the order of their values' seeds.
  function spread(x, k, of, count) {
    const width = Math.min(0.7 * (LANES * slot) / Math.max(1, count - 1), 5 * (of - 1));
    return of > 1 ? x + (k / (of - 1) - 0.5) * width : x;
  }

  function drawOutcomes() {
    const [arms, outcomes, measure] = [get("_arms"), get("_outcomes"), get("measure")];
    points.replaceChildren();
    lines.replaceChildren();
    arms.forEach((arm, i) => {
      const means = [];
      stops.forEach((_, stop) => {
        const all = outcomes.filter((o) => o.chosen[get("_against")] === stop && o.values[arm.name]?.[measure] !== undefined);
        const groups = [all.filter(others), all.filter((o) => !others(o))];
        groups.forEach((group, current) => group.forEach((outcome, k) => {
          const value = outcome.values[arm.name][measure];
          const node = marker(points, arm, `${arm.name}: ${write(value)}\n${settingsWords(outcome.chosen, outcome.seed)}`);
          node.classList.toggle("kd-faint-point", !current);
          place(summary, node, spread(lane(stop, i, arms.length), k, group.length, arms.length), value);
        }));
        if (groups[1].length) means.push([lane(stop, i, arms.length), mean(groups[1].map((o) => o.values[arm.name][measure]))]);
      });
      const path = means.map(([x, value]) => `${x.toFixed(1)} ${summary.y(value).toFixed(1)}`).join("L");
      if (means.length > 1) armLine(lines, arm, "kd-mean").setAttribute("d", `M${path}`);
    });
  }

  function writeOutcomes() {
    const [arms, measure] = [get("_arms"), get("measure")];
    const words = (value) => (value === undefined ? "–" : write(value));
    inWords(
      get("_measures")[measure].title,
      [...controls.map(({ label }) => label), "seed", ...arms.map(({ name }) => name)],
      get("_outcomes").map(({ chosen, seed, values }) => [
        ...controls.map(({ names: stopNames }, i) => stopNames[chosen[i]]), String(seed), ...arms.map(({ name }) => words(values[name]?.[measure])),
      ]),
    );
  }

  function drawMoving(now) {
    const arms = get("_arms");
    if (!arms.length || !running()) return moving.replaceChildren();
    if (moving.childElementCount !== arms.length) {
      moving.replaceChildren();
      arms.forEach((arm) => marker(moving, arm).classList.add("kd-moving"));
    }
    const stop = get("_shown").chosen?.[get("_against")] ?? 0;
    arms.forEach((arm, i) => place(summary, moving.children[i], lane(stop, i, arms.length), now[arm.name]));
  }

  function nextWords() {
    const [outcomes, chosen, shown] = [get("_outcomes"), get("chosen"), get("_shown")];
    if (running()) return same(shown.chosen, chosen) ? "" : "New settings: the run begins again when the slider rests.";
    const done = outcomes.filter((outcome) => same(outcome.chosen, chosen)).length;
    if (done) return `Start again: the same settings with seed ${done}.`;
    return outcomes.length ? "" : "Each finished run leaves its last values on the right.";
  }

  const known = {};
  const changed = (name, value) => {
    const text = JSON.stringify(value);
    const differs = known[name] !== text;
    known[name] = text;
    return differs;
  };

  function draw() {
    tools();
    const [arms, chosen, measure, shown] = [get("_arms"), get("chosen"), get("measure"), get("_shown")];
    const { title, range, unit, log } = get("_measures")[measure];
    const marks = Object.entries(get("_references")).filter(([, by]) => measure in by).map(([name, by]) => [name, by[measure]]);
    inputs.forEach((input, i) => input.set(chosen[i]));
    measures.set(names.indexOf(measure));

    const newAxis = changed("axis", measure);
    if (newAxis) {
      const format = (mark) => (unit === "%" ? `${short(100 * mark)} %` : short(mark));
      for (const figure of [progress, summary]) figure.setY(range, undefined, format, log);
      progress.setTitle(title);
    }
    const steps = get("steps") || 100 * 2 ** Math.max(0, Math.ceil(Math.log2(get("done") / 100)));
    if (changed("steps", steps)) progress.setX([0, steps]);
    if (changed("arms", [arms, marks.map(([name]) => name)])) {
      legend.rebuild(arms, marks.map(([name]) => name));
      curves.rebuild(arms);
      for (const group of references) {
        group.replaceChildren();
        marks.forEach(([name], i) => referenceLine(group, i, name));
      }
    }
    references.forEach((group, k) => marks.forEach(([, value], i) => {
      const { box, y } = [progress, summary][k];
      group.children[i].setAttribute("d", `M${box.x} ${y(value)}h${box.width}`);
    }));

    const series = Object.fromEntries(Object.entries(get("_curves")).map(([name, by]) => [name, by[measure]]));
    const now = Object.fromEntries(Object.entries(series).filter(([, [steps]]) => steps.length).map(([name, [, values]]) => [name, values.at(-1)]));
    curves.update(series);
    legend.update(Object.fromEntries([...marks, ...Object.entries(now)].map(([name, value]) => [name, write(value)])));
    setText(caption, shown.chosen ? settingsWords(shown.chosen, shown.seed) : "Choose the settings, then press Start.");

    here.setAttribute("x", summary.x(chosen[get("_against")]) - slot / 2);
    if (changed("outcomes", [get("_outcomes"), arms, chosen, measure])) drawOutcomes();
    if (changed("numbers", [get("_outcomes"), arms, measure])) writeOutcomes();
    drawMoving(now);
    setText(hint, nextWords());
    forget.setAttribute("aria-disabled", !get("_outcomes").length);
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "chosen", "measure", "_references", "_arms", "_curves", "_shown", "_outcomes"], draw);
}

export default { render };
