// LookPanel: a cluttered picture, where three networks look in it, and two students that learn.

const WHO = ["teacher", "distilled", "hard"];
const PARTS = { attention: "its attention", hint: "its last maps (hint)", logits: "its logits" };
const percentOf = (share) => `${decimals(100 * share, 0)} %`;

// A picture with the box of its digit, under a veil that is thin where a network looks.
function view(parent, kind) {
  const cell = html("figure", { class: `kd-look-view kd-look-${kind}` }, parent);
  const title = html("figcaption", {}, cell);
  const stage = html("div", { class: "kd-look-stage" }, cell);
  const canvas = html("canvas", { width: 28, height: 28 }, stage);
  const root = svg("svg", { viewBox: "0 0 28 28", role: "img" }, stage);
  const heat = svg("g", { class: "kd-heat" }, root);
  const box = svg("rect", { class: "kd-box" }, root);
  const words = html("p", {}, cell);
  return {
    draw({ pixels, corner, map, side, name, below }) {
      drawDigit(canvas, pixels);
      const [top, left, size] = corner;
      setAttributes(box, { x: left, y: top, width: size, height: size });
      setText(title, name);
      setText(words, below);
      root.setAttribute("aria-label", `${name}: ${below}`);
      if (!map) return;
      const step = 28 / side;
      if (heat.childElementCount !== map.length) {
        heat.replaceChildren();
        map.forEach((_, i) => svg("rect", { x: (i % side) * step, y: Math.floor(i / side) * step, width: step, height: step }, heat));
      }
      map.forEach((value, i) => heat.children[i].setAttribute("opacity", (0.85 * value).toFixed(3)));
    },
  };
}

function growing(parent, model, { name, title, range }) {
  const figure = axes(parent, { title, xLabel: "step", width: 380, height: 236, bottom: 36, left: 44 });
  figure.root.dataset.figure = name;
  figure.setY(range, undefined, (mark) => `${short(100 * mark)} %`);
  const lines = Object.fromEntries(WHO.map((kind) => [kind, curve(figure, kind)]));
  let shown = 0;
  return () => {
    const [curves, steps] = [model.get("_curves"), model.get("steps")];
    if (shown !== steps) figure.setX([0, (shown = steps)]);
    lines.teacher([0, steps], [model.get("_teacher")[name], model.get("_teacher")[name]]);
    for (const who of WHO.slice(1)) lines[who](curves.steps ?? [], curves[name]?.[who] ?? []);
  };
}

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "look", "Where the networks look");
  const labels = get("_labels");
  const buffer = get("_pictures"); // a DataView
  const pictures = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const chooser = gallery(root, { images: buffer, count: labels.length, labels, name: "picture", onChoose: (picture) => save(model, { picture }) });
  const tools = toolbar(root, model);

  const controls = html("div", { class: "kd-row kd-look-controls", role: "group", "aria-label": "what the student imitates" }, root);
  const parts = get("_parts");
  const part = menu(controls, { label: "Besides labels, imitate", names: parts.map((one) => PARTS[one]), onChoose: (i) => save(model, { imitate: parts[i] }) });
  const [min, max] = get("_limits");
  const weight = slider(controls, { label: "with weight", min, max, log: true, marks: [0.01, 1, 100, 10000], onInput: (value) => save(model, { weight: value }) });

  const row = html("div", { class: "kd-look-row" }, root);
  const views = Object.fromEntries(["picture", ...WHO].map((kind) => [kind, view(row, kind)]));
  const pair = html("div", { class: "kd-pair" }, root);
  const figures = [
    growing(pair, model, { name: "accuracy", title: "Right answers, validation pictures", range: [0, 1] }),
    growing(pair, model, { name: "share", title: "Attention inside the digit's box", range: [0, 1] }),
  ];

  function draw() {
    tools();
    const i = get("picture");
    chooser.set(i);
    part.set(parts.indexOf(get("imitate")));
    weight.set(get("weight"));
    const shared = { pixels: pictures.subarray(784 * i, 784 * (i + 1)), corner: get("_corners")[i], side: get("_side") };
    views.picture.draw({ ...shared, name: "picture", below: `it is a ${labels[i]}` });
    const names = { teacher: "teacher", distilled: "imitates", hard: "labels alone" };
    for (const who of WHO) {
      const [answer, share] = get("_seen")[who];
      const verdict = answer === labels[i] ? "✓" : "✗";
      views[who].draw({ ...shared, map: get("_maps")[who], name: names[who], below: `says ${answer} ${verdict}, ${percentOf(share)} inside` });
    }
    for (const figure of figures) figure();
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "picture", "imitate", "weight", "_maps", "_seen", "_curves", "_teacher"], draw);
}

export default { render };
