// What panels with a run in them share: the toolbar, the state in words, and curves that grow.

const STATES = { ready: "ready", running: "training", paused: "paused", stopped: "stopped", finished: "finished", failed: "failed" };
const SPEEDS = [[5, "5 steps/s"], [25, "25 steps/s"], [100, "100 steps/s"], [400, "400 steps/s"], [0, "full speed"]];

const LIVE_TRAITS = ["state", "message", "trace", "speed", "done", "steps"];

// Buttons that the state allows, speed, progress and state. Requests go to Python, which does them between two steps.
function toolbar(parent, model, { doing = "training", unit = "step" } = {}) {
  const row = html("div", { class: "kd-row", role: "toolbar", "aria-label": doing }, parent);
  const ask = (request) => tell(model, { request });
  const active = ["running", "paused"];
  const buttons = [
    ["Start", "start", (state) => state !== "running"],
    ["Pause", "pause", (state) => state === "running"],
    ["Step", "step", (state) => ["ready", ...active].includes(state)],
    ["Stop", "stop", (state) => active.includes(state)],
    ["Reset", "reset", (state) => state !== "ready"],
  ].map(([text, request, allowed]) => {
    const node = button(row, text, () => {
      if (!allowed(model.get("state"))) return;
      if (request === "start") bringIntoView(row.closest(".kd-panel"));
      ask(request);
    });
    node.classList.add("kd-tool", `kd-${request}`);
    return { node, request, allowed };
  });
  const speed = html("select", { "aria-label": "speed" }, row);
  for (const [value, words] of SPEEDS) html("option", { value }, speed, words);
  speed.addEventListener("change", () => save(model, { speed: Number(speed.value) }));
  const below = html("div", { class: "kd-below" }, parent);
  const status = html("p", { class: "kd-status", role: "status" }, below);
  const bar = meter(below, "progress", 1);
  const words = html("span", {}, status);
  const details = html("details", {}, parent);
  html("summary", {}, details, "where it went wrong");
  const trace = html("pre", {}, details);

  return () => {
    const state = model.get("state");
    const [done, steps] = [model.get("done"), model.get("steps")];
    for (const { node, request, allowed } of buttons) {
      node.setAttribute("aria-disabled", !allowed(state)); // not `disabled`: the focus would be lost
      if (request === "start") setText(node, state === "paused" ? "Resume" : "Start");
    }
    if (!SPEEDS.some(([value]) => value === model.get("speed"))) speedOption(speed, model.get("speed"));
    speed.value = model.get("speed");
    bar(steps ? done / steps : 0, steps ? `${unit} ${done} of ${steps}` : `${unit} ${done}`); // the length may be unknown
    status.dataset.state = state;
    const message = model.get("message");
    setText(words, (state === "running" ? doing : STATES[state]) + (message ? `: ${message}` : ""));
    setText(trace, model.get("trace"));
    details.hidden = !model.get("trace");
  };
}

// Whoever starts a run wants to see all of it: a panel that is half below the window comes up.
function bringIntoView(root) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  root.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
}

// A speed that Python chose and the list does not have.
function speedOption(select, speed) {
  const other = select.querySelector("[data-other]") ?? html("option", { "data-other": "" }, select);
  other.value = speed;
  setText(other, `${short(speed)} steps/s`);
}

// A line through points that arrive one by one, with a marker at its end. `kind` names its style and its legend.
function curve(figure, kind) {
  const path = svg("path", { class: `kd-curve kd-${kind}` }, figure.clipped);
  const end = svg("circle", { class: `kd-end-point kd-${kind}`, r: 3.5 }, figure.plot);
  return (xs, ys) => {
    const points = xs.map((x, i) => `${figure.x(x).toFixed(1)} ${figure.y(ys[i]).toFixed(1)}`);
    path.setAttribute("d", points.length ? `M${points.join("L")}` : "");
    const [x, y] = points.length ? points.at(-1).split(" ") : [0, -1];
    const { box } = figure;
    setAttributes(end, { cx: x, cy: y, visibility: y < box.y || y > box.y + box.height ? "hidden" : "visible" });
  };
}

// Rows of line and words in a corner on the right, at the "bottom" or at the "top". Each call writes the words.
function legend(figure, kinds, { width = 150, at = "bottom" } = {}) {
  const { box } = figure;
  const group = svg("g", { class: "kd-legend" }, figure.root);
  const height = 18 * kinds.length + 4;
  const top = at === "top" ? box.y + 4 : box.y + box.height - (figure.folded ?? 0) - height - 4;
  const left = box.x + box.width - width - 6;
  Object.assign(figure, { legendLeft: left, legendTop: top, legendBottom: top + height, legendAt: at });
  svg("rect", { x: left, y: top, width, height, rx: 4, class: "kd-legend-ground" }, group);
  const texts = kinds.map((kind, i) => {
    svg("path", { d: `M${left + 8} ${top + 12 + 18 * i}h26`, class: `kd-curve kd-${kind}` }, group);
    return svg("text", { x: left + 42, y: top + 16 + 18 * i, class: "kd-start" }, group);
  });
  return (words) => words.forEach((text, i) => setText(texts[i], text));
}

// Vertical lines where something was changed, each with its words: [[x, words], ...], on the side of the legend.
function marks(figure) {
  const group = svg("g", { class: "kd-changes" }, figure.clipped);
  let shown = "";
  return (list) => {
    if (JSON.stringify(list) === shown) return;
    shown = JSON.stringify(list);
    group.replaceChildren();
    for (const [at, words] of list) {
      const x = figure.x(at);
      svg("path", { d: `M${x} ${figure.box.y}v${figure.box.height}` }, group);
      const [beside, { y, height }, above] = [x > figure.legendLeft, figure.box, figure.legendAt === "top"];
      const end = above ? (beside ? figure.legendBottom : y) + 6 : (beside ? figure.legendTop : y + height) - 6;
      svg("text", { x: 0, y: 0, transform: `translate(${x - 4} ${end}) rotate(-90)`, class: above ? "kd-end" : "kd-start" }, group, words);
    }
  };
}
