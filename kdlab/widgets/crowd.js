// CrowdPanel: teachers who know little, one after another, with their student and the network that has all their labels.

const WAYS = { probabilities: "the mean of probabilities", logits: "the mean of logits", votes: "a vote" };
const LINES = ["crowd", "student", "pooled"];
const NAMES = { single: "one teacher", crowd: "all so far", student: "their student", pooled: "one with all labels" };
const wholePercent = (share) => `${decimals(100 * share, 1)} %`;

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "crowd", "Many teachers");
  const [each, most] = [get("_each"), get("_most")];
  const tools = toolbar(root, model, { unit: "teacher" });

  const first = html("div", { class: "kd-row" }, root);
  const count = slider(first, { label: "Teachers", min: 1, max: most, format: String, marks: [1, most], onInput: (teachers) => save(model, { teachers }) });
  const size = slider(first, { label: "labels each", min: 0, max: each.length - 1, marks: each.map((_, i) => i), names: (i) => each[i], format: (i) => String(each[i]), onInput: (i) => save(model, { labels: each[i] }) });
  const second = html("div", { class: "kd-row kd-crowd-menus" }, root);
  const whose = menu(second, { label: "Labels", names: ["of their own", "the same for all"], onChoose: (i) => save(model, { own: i === 0 }) });
  const ways = Object.keys(WAYS);
  const way = menu(second, { label: "together by", names: Object.values(WAYS), onChoose: (i) => save(model, { together: ways[i] }) });

  const pair = html("div", { class: "kd-pair" }, root);
  const xs = Array.from({ length: most }, (_, i) => i + 1);
  const options = { xLabel: "teachers", xRange: [0.5, most + 0.5], xTicks: xs, height: 300, bottom: 36, left: 46, yFormat: (mark) => `${short(100 * mark)} %` };
  const reached = axes(pair, { ...options, title: "Right answers, validation pictures", yRange: [0.2, 1] });
  reached.root.dataset.figure = "accuracy";
  const dots = svg("g", { class: "kd-crowd-dots" }, reached.clipped);
  const circles = xs.map((x) => svg("rect", { width: 7, height: 7, x: reached.x(x) - 3.5, visibility: "hidden" }, dots));
  const lines = Object.fromEntries(LINES.map((kind) => [kind, curve(reached, `crowd-${kind}`)]));
  const key = legend(reached, ["crowd-single", "crowd-crowd", "crowd-student", "crowd-pooled"], { width: 198 });
  const agreed = axes(pair, { ...options, title: "Do all say the same?", yRange: [-0.3, 1] });
  agreed.setY([-0.3, 1], [0, 0.2, 0.4, 0.6, 0.8, 1]); // below 0 stands the legend
  agreed.root.dataset.figure = "agreement";
  const agree = curve(agreed, "crowd-agree");
  const right = curve(agreed, "crowd-right");
  const words = legend(agreed, ["crowd-right", "crowd-agree"], { width: 198, at: "bottom" });
  const line = html("p", { class: "kd-crowd-words", role: "status" }, root);
  const work = html("p", { class: "kd-crowd-words", "data-who": "learns" }, root);

  function draw() {
    tools();
    const curves = get("curves");
    count.set(get("teachers"));
    size.set(each.indexOf(get("labels")));
    whose.set(get("own") ? 0 : 1);
    way.set(ways.indexOf(get("together")));
    circles.forEach((node, i) => {
      const value = curves.single[i];
      setAttributes(node, value === undefined ? { visibility: "hidden" } : { visibility: "visible", y: reached.y(value) - 3.5 });
    });
    const at = (values) => values.map((_, i) => i + 1);
    for (const kind of LINES) lines[kind](at(curves[kind]), curves[kind]);
    agree(at(curves.agree), curves.agree);
    right(at(curves.right), curves.right);
    const last = (values) => (values.length ? ` ${wholePercent(values.at(-1))}` : "");
    const average = curves.single.length ? ` ${wholePercent(curves.single.reduce((a, b) => a + b) / curves.single.length)}` : "";
    key([`${NAMES.single}${average}`, ...LINES.map((kind) => `${NAMES[kind]}${last(curves[kind])}`)]);
    words([`of those, right${last(curves.right)}`, `all say the same${last(curves.agree)}`]);
    const there = curves.crowd.length;
    const labels = get("own") ? `${get("labels")} labels of their own` : `the same ${get("labels")} labels`;
    setText(line, there ? `${there} ${there === 1 ? "teacher" : "teachers"} with ${labels}, together by ${WAYS[get("together")]}.` : "Nobody has learned yet: press Start.");
    setText(work, get("learning"));
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "teachers", "labels", "own", "together", "curves", "learning"], draw);
}

export default { render };
