// DrawPanel: strokes on paper. They are the state: Python makes the picture, and the models' answers come back.

const PAPER = 250;
const STEP = 0.04; // of the paper, for one press of an arrow key

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "draw", "Draw a digit");
  const columns = html("div", { class: "kd-desk" }, root);

  const left = html("div", {}, columns);
  const label = "paper: draw with the mouse, a pen or a finger, or move the pen with the arrow keys, put it down and lift it with the space bar";
  const paper = svg("svg", { viewBox: `0 0 ${PAPER} ${PAPER}`, class: "kd-paper", tabindex: 0, role: "application", "aria-label": label }, left);
  const lines = svg("path", { class: "kd-ink" }, paper);
  const pen = svg("circle", { class: "kd-pen", r: 9 }, paper);
  const tools = html("div", { class: "kd-row" }, left);
  button(tools, "Clear", () => put([]));
  button(tools, "Undo", () => put(strokes.slice(0, -1)));
  const seen = html("canvas", { class: "kd-seen", width: 28, height: 28, role: "img", "aria-label": "what the models see: 28 by 28 pixels" }, tools);
  html("span", { class: "kd-hint" }, tools, "what they see");

  const right = html("div", {}, columns);
  const classes = Array.from({ length: 10 }, (_, i) => String(i));
  const charts = get("_names").map((name, i, all) => {
    const last = i === all.length - 1;
    const height = Math.max(96, 300 / all.length);
    const figure = barAxes(right, classes, { label: name, width: 460, height: height + (last ? 16 : -16), top: 24, bottom: last ? 36 : 4, xLabel: last ? "class" : "" });
    if (!last) figure.names.remove();
    figure.setY([0, 1.12], [0, 0.5, 1], (mark) => `${100 * mark} %`);
    figure.root.dataset.figure = name;
    return { name, figure, drawn: bars(figure, classes) };
  });
  const complaint = html("p", { class: "kd-complaint", role: "alert" }, root);
  const showGoal = get("goal") && goalLine(root, `${get("goal")} (each at least 50 % sure).`);

  // While a stroke grows it lives here, and Python hears of it 20 times a second.
  let strokes = get("strokes");
  let drawing = false; // with the mouse, a pen or a finger
  let down = false; // the keyboard's pen
  let at = [0.5, 0.3];
  let timer = 0;
  const send = () => { timer = 0; save(model, { strokes }); };
  function put(changed, soon = false) {
    strokes = changed;
    if (!strokes.length) down = false;
    drawPaper();
    if (soon) timer ||= setTimeout(send, 50);
    else { clearTimeout(timer); send(); }
  }
  const extended = (point) => [...strokes.slice(0, -1), [...strokes.at(-1), point]];
  const near = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) < 0.008;
  const place = (event) => {
    const box = paper.getBoundingClientRect();
    const share = (at, start, size) => Number(clamp((at - start) / size, 0, 1).toFixed(3));
    return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
  };
  paper.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    paper.focus({ preventScroll: true });
    paper.setPointerCapture(event.pointerId);
    drawing = true;
    down = false;
    put([...strokes, [place(event)]], true);
  });
  paper.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) {
      const point = place(part);
      if (!near(point, strokes.at(-1).at(-1))) put(extended(point), true);
    }
  });
  paper.addEventListener("lostpointercapture", () => { drawing = false; put(strokes); });

  // The same with the keyboard.
  const arrows = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  paper.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = arrows[event.key];
    if (!way && ![" ", "Delete", "Backspace"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Delete") return put([]);
    if (event.key === "Backspace") return put(strokes.slice(0, -1));
    if (event.key === " ") {
      down = !down;
      return down ? put([...strokes, [at]]) : drawPaper();
    }
    const far = event.shiftKey ? STEP / 4 : STEP;
    at = at.map((value, i) => Number(clamp(value + way[i] * far, 0, 1).toFixed(3)));
    if (down) put(extended(at), true);
    else drawPaper();
  });

  function drawPaper() {
    const path = (stroke) => "M" + stroke.map(([x, y]) => `${(PAPER * x).toFixed(1)} ${(PAPER * y).toFixed(1)}`).join("L") + (stroke.length > 1 ? "" : "h0");
    lines.setAttribute("d", strokes.map(path).join(""));
    setAttributes(pen, { cx: PAPER * at[0], cy: PAPER * at[1] });
    pen.classList.toggle("kd-down", down);
  }

  function draw() {
    if (!drawing && !timer) strokes = get("strokes");
    drawPaper();
    const picture = get("_seen");
    if (picture?.byteLength) drawDigit(seen, new Uint8Array(picture.buffer, picture.byteOffset, picture.byteLength));
    for (const { name, figure, drawn } of charts) {
      const shares = get("answers")[name] ?? classes.map(() => 0);
      const [first, second] = ranking(shares);
      const words = shares.map((p) => (p < 0.005 ? "" : decimals(100 * p, 0)));
      drawn.update(shares, words, (i) => (i === first ? "kd-first" : i === second ? "kd-second" : "kd-other"));
      figure.setTitle(strokes.length ? `${name}: ${first} with ${decimals(100 * shares[first], 0)} %` : `${name} sees empty paper`);
    }
    setText(complaint, get("message"));
    if (showGoal) showGoal(get("reached"), get("found") ? `found: ${get("found")}` : "not yet: so far they agree, or one of them is unsure");
  }

  return drawOnChange(model, root, ["strokes", "answers", "_seen", "reached", "found", "message"], draw);
}

export default { render };
