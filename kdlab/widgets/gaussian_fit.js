// GaussianFitPanel: replays two gradient descents that Python has computed, side by side.

const STEPS_A_SECOND = 40;

const bell = (x, mean, sd) => Math.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * Math.sqrt(2 * Math.PI));

const NAMES = {
  forward: { title: "Forward KL(p‖q)", xLabel: "x" },
  reverse: { title: "Reverse KL(q‖p)", xLabel: "x" },
};

function render({ model, el }) {
  const get = (name) => model.get(name);
  const [x, density, peaks] = [get("_x"), get("_density"), get("peaks")];
  const paths = { forward: get("_forward"), reverse: get("_reverse") };
  const starts = paths.forward.map((path) => path[0][0]);
  const last = paths.forward[0].length - 1;
  const most = Math.max(...density, ...Object.values(paths).flat(2).map(([, sd]) => 0.4 / sd));
  const worst = Math.max(...Object.values(paths).flat().map((path) => path[0][2]));
  const root = panelRoot(el, "gaussian-fit", "One Gaussian fitted under both directions of KL");

  const curve = (figure, values) => values.map((y, i) => `${i ? "L" : "M"}${figure.x(x[i]).toFixed(1)} ${figure.y(y).toFixed(1)}`).join("");
  const pair = html("div", { class: "kd-pair" }, root);
  const views = Object.entries(NAMES).map(([key, { title, xLabel }]) => {
    const figure = axes(pair, { title, xLabel, height: 200, xRange: [x[0], x[x.length - 1]], xTicks: ticks(x[0], x[x.length - 1], 6), yRange: [0, 1.05 * most] });
    figure.root.dataset.figure = key;
    svg("path", { class: "kd-target", d: curve(figure, density) + `V${figure.y(0)}H${figure.x(x[0])}Z` }, figure.plot);
    const fit = svg("path", { class: `kd-fit kd-${key}` }, figure.plot);
    const words = svg("text", { class: "kd-tick kd-end", x: figure.box.x + figure.box.width, y: figure.box.y + 10 }, figure.plot);
    return { key, title, figure, fit, words };
  });
  const traces = Object.keys(NAMES).map((key) => {
    const figure = axes(pair, { title: "", label: `${key} divergence against step`, height: 112, top: 12, xLabel: "step", xRange: [0, last],
                                xTicks: ticks(0, last, 4), yRange: [0, 1.05 * worst] });
    figure.setY([0, 1.05 * worst], ticks(0, 1.05 * worst, 3));
    const way = svg("path", { class: `kd-fit kd-${key}` }, figure.plot);
    const dot = svg("circle", { class: `kd-dot kd-${key}`, r: 4 }, figure.plot);
    return { key, figure, way, dot };
  });

  const row = html("div", { class: "kd-row" }, root);
  const play = button(row, "Play", () => (timer ? pause() : begin()));
  play.classList.add("kd-play");
  const forth = button(row, "Step", () => { pause(); go(get("step") + 1); });
  const back = button(row, "Reset", () => { pause(); go(0); });
  const at = slider(row, { label: "step", min: 0, max: last, format: (v) => `${v}`, onInput: (step) => { pause(); go(step); } });
  const gap = starts.length > 1 ? (starts[starts.length - 1] - starts[0]) / (starts.length - 1) : 1;
  const below = html("div", { class: "kd-row" }, root);
  const from = slider(below, {
    label: "start at x =", marks: ticks(starts[0], starts[starts.length - 1], 6), min: starts[0], max: starts[starts.length - 1], step: gap, format: (v) => decimals(v),
    onInput: (mean) => {
      const start = starts.reduce((best, s, i) => (Math.abs(s - mean) < Math.abs(starts[best] - mean) ? i : best), 0);
      save(model, { start, step: 0 });
    },
  });
  const showGoal = get("goal") && goalLine(root, get("goal"));

  // While it plays, the step stays in this page: Python hears of it when it stops.
  let timer = 0;
  function begin() {
    let [since, base] = [performance.now(), get("step") < last ? get("step") : 0];
    let expected = base;
    const tick = (time) => {
      if (get("step") !== expected) [since, base] = [time, get("step")]; // another start was chosen meanwhile
      const step = Math.min(last, base + Math.floor((Math.max(0, time - since) * STEPS_A_SECOND) / 1000));
      model.set("step", step);
      expected = step;
      if (step < last) timer = requestAnimationFrame(tick);
      else pause();
    };
    model.set("step", base);
    timer = requestAnimationFrame(tick);
    draw();
  }
  function pause() {
    if (!timer) return;
    cancelAnimationFrame(timer);
    timer = 0;
    visit();
    model.save_changes();
    draw();
  }
  function go(step) {
    save(model, { step: clamp(step, 0, last) });
  }

  // Where the reverse fit has ended.
  function visit() {
    if (!peaks.length || get("step") < last) return;
    const [mean] = paths.reverse[get("start")][last];
    const nearest = peaks.reduce((best, peak, i) => (Math.abs(peak - mean) < Math.abs(peaks[best] - mean) ? i : best), 0);
    if (get("visited").includes(nearest)) return;
    const visited = [...get("visited"), nearest];
    save(model, { visited, reached: visited.length === peaks.length });
  }

  function draw() {
    visit();
    const [start, step] = [get("start"), get("step")];
    for (const { key, title, figure, fit, words } of views) {
      const [mean, sd, divergence] = paths[key][start][step];
      figure.setTitle(`${title} = ${decimals(divergence, 2)} nats`);
      fit.setAttribute("d", curve(figure, x.map((v) => bell(v, mean, sd))));
      setText(words, `q: mean ${decimals(mean, 2)}, sd ${decimals(sd, 2)}`);
    }
    for (const { key, figure, way, dot } of traces) {
      const points = paths[key][start].slice(0, step + 1).map(([, , divergence], i) => [figure.x(i), figure.y(divergence)]);
      way.setAttribute("d", points.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join(""));
      setAttributes(dot, { cx: points[step][0], cy: points[step][1] });
    }
    setText(play, timer ? "Pause" : "Play");
    forth.disabled = step === last;
    back.disabled = step === 0 && !timer;
    at.set(step);
    from.set(starts[start]);
    if (showGoal) {
      const seen = peaks.map((peak, i) => `at ${short(peak)} ${get("visited").includes(i) ? "☑" : "☐"}`).join("   ");
      showGoal(get("reached"), `the reverse fit has ended   ${seen}`);
    }
  }

  const release = drawOnChange(model, root, ["start", "step", "visited", "reached"], draw);
  return () => {
    cancelAnimationFrame(timer);
    release();
  };
}

export default { render };
