// Shared by every panel. Python puts this file in front of the panel's own: one module, nothing to build or fetch.

// ---- Elements ------------------------------------------------------------------------------------------

function html(tag, attributes = {}, parent = null, text = null) {
  return make(document.createElement(tag), attributes, parent, text);
}

function svg(tag, attributes = {}, parent = null, text = null) {
  return make(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, parent, text);
}

function make(node, attributes, parent, text) {
  setAttributes(node, attributes);
  if (text !== null) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

// Writing only what differs keeps the browser from laying out again what has not changed.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

let ids = 0;
const page = Math.random().toString(36).slice(2); // each kind of panel has a copy of this file
const newId = () => `kd-${page}-${++ids}`;

// ---- The panel and its model ---------------------------------------------------------------------------

function panelRoot(parent, name, label) {
  const root = html("div", { class: `kd-panel kd-${name}`, role: "group", "aria-label": label }, parent);
  root.classList.toggle("kd-alone", !document.querySelector(HOSTS)); // then the reader's system tells light from dark
  if (root.showPopover && name !== "probe") presentation(root);
  return root;
}

const HOSTS = "[data-jp-theme-light], [data-vscode-theme-kind], html[theme]"; // they say which theme they have

// ---- Presentation: the panel fills the window, as large as it fits there ---------------------------------

const ZOOMS = [2.4, 2.2, 2, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2]; // in a wide window not below 1.5
const WIDTHS = [1020, 940, 860, 800, 735]; // of a panel that is too high there: its figures become lower

function presentation(root) {
  const open = () => root.matches(":popover-open");
  const node = button(root, "", () => (open() ? leave() : enter()), { label: "Presentation: fill the window" });
  node.classList.add("kd-present");
  const sign = svg("path", {}, svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, node));
  const whole = () => {
    fitText(root); // figures that are wider are higher
    return root.scrollHeight <= root.clientHeight && root.clientWidth >= 700;
  };
  const fit = () => {
    if (!open()) return;
    root.style.removeProperty("--kd-page");
    const roomy = innerWidth >= 1400;
    for (const zoom of ZOOMS) {
      root.style.zoom = zoom;
      if (whole()) return;
      if (zoom <= 1.5 && roomy) break;
    }
    if (!roomy) return;
    for (const width of WIDTHS) {
      root.style.setProperty("--kd-page", `${width}px`);
      if (whole()) return;
    }
    root.style.removeProperty("--kd-page"); // it scrolls at any width
    fitText(root);
  };
  const room = html("div"); // keeps the panel's place: the notebook must not scroll
  function enter() {
    room.style.height = `${root.offsetHeight}px`;
    root.after(room);
    root.popover = "manual"; // the top layer: no ancestor can clip it, and no permission is asked for
    root.showPopover();
    window.addEventListener("resize", fit);
    root.addEventListener("keydown", onKey);
    show();
    fit();
    node.focus();
  }
  function leave() {
    root.hidePopover();
    room.remove();
    root.removeAttribute("popover"); // or the panel would not be seen at all
    fitNarrow(root);
    root.style.removeProperty("--kd-page");
    window.removeEventListener("resize", fit);
    root.removeEventListener("keydown", onKey);
    show();
    node.focus();
  }
  const onKey = (event) => event.key === "Escape" && !event.defaultPrevented && leave();
  const show = () => {
    sign.setAttribute("d", open() ? "M3 3L13 13M13 3L3 13" : "M2 6V2H6M10 2H14V6M14 10V14H10M6 14H2V10");
    node.setAttribute("aria-pressed", open());
    node.title = open() ? "back to the notebook (Esc)" : "presentation: fill the window";
  };
  show();
}

// Text keeps its size whatever the width: the style sheet multiplies it by a figure's units per pixel.
function fitText(root) {
  for (const figure of root.querySelectorAll("svg.kd-figure")) {
    const width = figure.clientWidth;
    if (width) figure.style.setProperty("--unit", (figure.viewBox.baseVal.width / width).toFixed(3));
  }
  root.dispatchEvent(new Event("kd-fitted")); // for whatever has to choose how many words there is room for
}

const unitOf = (figure) => Number(figure.style.getPropertyValue("--unit")) || 1;

const NARROWEST = 480; // the least width that panels are laid out for, as the style sheet says

// Where there is less room (a small window at 200 %), the panel is drawn smaller: better than cut at its right.
function fitNarrow(root) {
  if (root.popover) return; // a presentation has a zoom of its own
  const room = root.parentElement?.clientWidth;
  root.style.zoom = room && room < NARROWEST ? Math.max(room / NARROWEST, 0.6) : ""; // below, it scrolls
}

function watchWidth(root) {
  let frame = 0;
  const observer = new ResizeObserver(() => {
    fitText(root);
    frame ||= requestAnimationFrame(() => { frame = 0; fitNarrow(root); }); // not at once: it changes what is observed
  });
  for (const node of [root, root.parentElement]) observer.observe(node);
  return () => {
    observer.disconnect();
    cancelAnimationFrame(frame);
  };
}

// JupyterLab's one-key commands (arrows, "a", "d d") must not see keys pressed inside a panel; Ctrl+S and
// Shift+Enter must still reach it. It listens on the document, so the window hears of a key first.
function keepKeys(root) {
  const mark = (event) => {
    if (!root.contains(event.target)) return;
    const command = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !command);
  };
  window.addEventListener("keydown", mark, true);
  return () => window.removeEventListener("keydown", mark, true);
}

// Calls draw() now, and once a screen frame after any of these traits changed. Returns the view's clean-up.
function drawOnChange(model, root, traits, draw) {
  let frame = 0;
  const releaseKeys = keepKeys(root);
  const releaseKernel = watchKernel(model, root);
  const releaseWidth = watchWidth(root);
  const drawing = sayDrawing(model);
  const now = () => {
    frame = 0;
    draw();
    root.dataset.drawn = 1 + Number(root.dataset.drawn || 0);
    drawing.say();
  };
  const request = () => (frame ||= requestAnimationFrame(now));
  for (const trait of traits) model.on(`change:${trait}`, request);
  now();
  return () => {
    for (const trait of traits) model.off(`change:${trait}`, request);
    cancelAnimationFrame(frame);
    releaseKeys();
    releaseKernel();
    releaseWidth();
    drawing.leave();
  };
}

// Both send nothing to a kernel that is gone: JupyterLab would report an error for each try.
function save(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  if (!model.get("_gone")) model.save_changes();
}

function tell(model, content) {
  if (!model.get("_gone")) model.send(content);
}

// ---- The kernel behind a view, and the view as the kernel knows it -------------------------------------

const GONE = "Nothing answers here any more: this panel’s kernel was restarted or shut down, or it has died. Run the notebook’s cells again, from the first one to this one.";
const LOST = "This page has lost its connection to Jupyter. If Jupyter still runs, all goes on by itself in a moment; if not, start it again (make lab) and reload this page.";
const DYING = ["terminating", "restarting", "autorestarting", "dead"];
const PATIENCE = 1500; // milliseconds that a connection may be away before the page says so: a restart takes less
const OFTEN = 700, LEAVING = 1000; // milliseconds between two signs of life; and until a view that was taken away has left

// JupyterLab's session (of a notebook) or kernel (of a console) behind the model; null where there is no such thing.
function sessionOf(model) {
  const manager = model.widget_manager;
  const found = manager?.context?.sessionContext ?? manager?.kernel;
  return found?.statusChanged && found.connectionStatusChanged ? found : null;
}

// Says at the top of the panel when its kernel is gone for good, or the connection for now. `_gone` is an attribute of
// the model in this page only (Python has no such trait), so that a view that is made later knows it too.
function watchKernel(model, root) {
  const session = sessionOf(model);
  const kernelNow = () => (session.session === undefined ? session : session.session?.kernel)?.id;
  const first = session && kernelNow();
  let [notice, waiting] = [null, 0];

  const write = (words) => {
    if (!words) notice = notice?.remove();
    else setText((notice ??= make(document.createElement("p"), { class: "kd-notice", role: "alert" })), words);
    if (notice && !notice.isConnected) root.prepend(notice);
  };
  const showGone = () => {
    write(GONE);
    root.classList.add("kd-gone");
    for (const part of root.children) part.inert = part !== notice && !part.classList.contains("kd-recipe"); // to copy from
  };
  const end = () => model.get("_gone") || model.set("_gone", true);
  const onStatus = (_, status) => DYING.includes(status) && end();
  const onKernel = () => first && kernelNow() !== first && end();
  const onConnection = (_, status) => {
    clearTimeout(waiting);
    if (model.get("_gone")) return;
    if (status === "connected") write("");
    else waiting = setTimeout(() => model.get("_gone") || write(LOST), PATIENCE);
  };

  model.on("change:_gone", showGone);
  session?.statusChanged.connect(onStatus);
  session?.connectionStatusChanged.connect(onConnection);
  session?.kernelChanged?.connect(onKernel);
  if (model.get("_gone")) showGone();
  return () => {
    clearTimeout(waiting);
    model.off("change:_gone", showGone);
    session?.statusChanged.disconnect(onStatus);
    session?.connectionStatusChanged.disconnect(onConnection);
    session?.kernelChanged?.disconnect(onKernel);
  };
}

// Tells Python that this view draws (about once a second while it does), that its page is hidden, and that it has left
// because its cell was run again, cleared or deleted. A notebook that is closed is none of these: its kernel goes on.
function sayDrawing(model) {
  const view = newId();
  const notebook = model.widget_manager?.context;
  let last = -Infinity;
  const seen = () => { last = performance.now(); tell(model, { seen: view }); };
  const onVisibility = () => (document.hidden ? tell(model, { unseen: view }) : seen());
  const onLeave = () => tell(model, { unseen: view });
  model.on("msg:custom", onVisibility); // when another view has left, Python asks who is still there
  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("pagehide", onLeave);
  return {
    say: () => performance.now() - last >= OFTEN && !document.hidden && seen(),
    leave() {
      model.off("msg:custom", onVisibility);
      document.removeEventListener("visibilitychange", onVisibility);
      window.removeEventListener("pagehide", onLeave);
      if (notebook) setTimeout(() => notebook.isDisposed || tell(model, { left: view }), LEAVING);
    },
  };
}

// ---- Mathematics and words -----------------------------------------------------------------------------

function softmax(logits, temperature = 1) {
  const top = Math.max(...logits);
  const powers = logits.map((z) => Math.exp((z - top) / temperature));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

// In nats.
function entropy(probabilities) {
  return -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
}

const decimals = (value, digits = 1) => value.toFixed(digits).replace("-", "−");

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// Classes from the most to the least likely; equal ones stay in order.
const ranking = (values) => values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b);

function percent(p) {
  const value = 100 * p;
  if (p > 0.9995 && p < 1) return ">99.9 %";
  if (value >= 0.1 || value === 0) return `${value.toFixed(1)} %`;
  return value < 0.0001 ? "<0.0001 %" : `${Number(value.toPrecision(1))} %`;
}

// Three digits that count, and a real minus sign: 0.05, 1, 4.03, 12.5, 100, −5.
const short = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

// About `count` round numbers from low to high.
function ticks(low, high, count = 5) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw * 0.999) * power;
  const out = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-9; t += step) out.push(Number(t.toFixed(10)));
  return out;
}

// 1, 2, 5, 10, 20, ... from low to high.
function logTicks(low, high) {
  const out = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
    out.push(...[1, 2, 5].map((m) => Number((m * power).toPrecision(3))).filter((mark) => mark >= low * 0.999 && mark <= high * 1.001));
  return out;
}

// How far along a range a value lies; on a log scale equal ratios have equal way, and what is not positive is far below.
function alongAxis(value, [low, high], log) {
  return log ? Math.log(Math.max(value, low * 1e-3) / low) / Math.log(high / low) : (value - low) / (high - low);
}

// ---- Figures -------------------------------------------------------------------------------------------

// A figure with two axes in an SVG of its own: it grows with the cell, and all inside keeps its proportions.
// xLog and yLog make an axis logarithmic. Range and ticks can be changed later with setY; x(value) and y(value) give positions, yValue(event) the inverse.
function axes(parent, { width = 380, height = 240, left = 40, right = 8, top = 26, bottom = 40, title = "", xLabel = "",
                        label = title, xRange = [0, 1], xTicks = [], xNames = null, xLog = false, yRange = [0, 1], yLog = false, yFormat = short }) {
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "kd-figure", role: "group", "aria-label": label }, parent);
  const box = { x: left, y: top, width: width - left - right, height: height - top - bottom };
  const heading = svg("text", { x: left + box.width / 2, y: top - 11, class: "kd-title" }, root, title);
  svg("text", { x: left + box.width / 2, y: height - 5, class: "kd-label" }, root, xLabel);
  const grid = svg("g", { "aria-hidden": "true" }, root);
  const names = svg("g", { class: "kd-names", "aria-hidden": "true" }, root);
  const plot = svg("g", {}, root);
  const clip = newId();
  svg("rect", { ...box }, svg("clipPath", { id: clip }, root)); // for what may leave the box
  const clipped = svg("g", { "clip-path": `url(#${clip})` }, root);
  svg("path", { d: `M${box.x} ${box.y}V${box.y + box.height}H${box.x + box.width}`, class: "kd-frame" }, root);

  const figure = {
    root, box, plot, clipped, names,
    x: (value) => box.x + box.width * alongAxis(value, xRange, xLog),
    y: (value) => box.y + box.height * (1 - alongAxis(value, yRange, yLog)),
    yValue(event) {
      const screen = root.getBoundingClientRect();
      const y = ((event.clientY - screen.top) * height) / screen.height;
      return yRange[0] + (1 - (y - box.y) / box.height) * (yRange[1] - yRange[0]);
    },
    setTitle: (text) => setText(heading, text),
    setY(range, marks = null, format = yFormat, log = yLog) {
      [yRange, yLog] = [range, log];
      marks ??= (log ? logTicks : ticks)(...range);
      grid.replaceChildren();
      for (const mark of marks) {
        const y = figure.y(mark);
        svg("path", { d: `M${box.x} ${y}h${box.width}`, class: mark === 0 ? "kd-zero" : "kd-grid" }, grid);
        svg("text", { x: box.x - 6, y: y + 4, class: "kd-tick kd-end" }, grid, format(mark));
      }
    },
    setX(range, marks = ticks(...range), texts = marks.map(short)) {
      xRange = range;
      names.replaceChildren();
      marks.forEach((mark, i) => svg("text", { x: figure.x(mark), y: box.y + box.height + 16, class: "kd-tick" }, names, texts[i]));
    },
  };
  figure.setY(yRange);
  figure.setX(xRange, xTicks, xNames ?? xTicks.map(short));
  return figure;
}

// Axes for one bar a class.
function barAxes(parent, classes, options) {
  const centres = classes.map((_, i) => i + 0.5);
  return axes(parent, { ...options, xRange: [0, classes.length], xTicks: centres, xNames: classes });
}

// One bar a class. update(values, words, style, base) moves them: words stand on the bars, style(i) names a CSS
// class, and bars grow from `base`. Where `lines` are drawn across bars, at these values, the words keep clear of them.
// With onMove(i, value) a bar can be dragged, and moved by the arrow keys when it has the focus.
function bars(figure, classes, { name = "", onMove = null, step = 0.1, range = [0, 1], share = 0.74 } = {}) {
  const { box } = figure;
  const slot = box.width / classes.length;
  let now = [];
  const move = (i, value) => {
    now[i] = clamp(Number((Math.round(value / step) * step).toPrecision(10)), ...range);
    onMove(i, now[i]);
  };
  const parts = classes.map((label, i) => {
    const group = svg("g", { class: "kd-bar" }, figure.plot);
    const hit = svg("rect", { class: "kd-hit", x: box.x + slot * i, y: box.y, width: slot, height: box.height }, group);
    const rect = svg("rect", { x: box.x + slot * (i + (1 - share) / 2), width: slot * share, rx: 1.5 }, group);
    const text = svg("text", { x: box.x + slot * (i + 0.5), class: "kd-value" }, group);
    if (onMove) makeMovable(group, hit, i, `${name} ${label}`);
    return { group, rect, text };
  });

  function makeMovable(group, hit, i, label) {
    group.classList.add("kd-movable");
    setAttributes(group, { role: "slider", tabindex: 0, "aria-label": label, "aria-orientation": "vertical",
                  "aria-valuemin": range[0], "aria-valuemax": range[1] });
    const drag = (event) => move(i, figure.yValue(event));
    hit.addEventListener("pointerdown", (event) => {
      hit.setPointerCapture(event.pointerId);
      hit.addEventListener("pointermove", drag);
      group.focus({ preventScroll: true });
      drag(event);
      event.preventDefault();
    });
    hit.addEventListener("lostpointercapture", () => hit.removeEventListener("pointermove", drag));
    group.addEventListener("keydown", (event) => {
      const big = 10 * step;
      const keys = { ArrowUp: step, ArrowRight: step, ArrowDown: -step, ArrowLeft: -step, PageUp: big, PageDown: -big,
                     Home: -Infinity, End: Infinity };
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      move(i, clamp(now[i] + keys[event.key] * (event.shiftKey ? 10 : 1), ...range));
    });
  }

  return {
    update(values, words, style = () => "", base = 0, lines = null) {
      now = [...values];
      parts.forEach(({ group, rect, text }, i) => {
        const y = clamp(figure.y(values[i]), box.y, box.y + box.height);
        const zero = clamp(figure.y(base), box.y, box.y + box.height);
        setAttributes(rect, { class: style(i), y: Math.min(y, zero), height: Math.abs(zero - y) });
        const line = lines ? figure.y(lines[i]) : y;
        const above = y > line && y < line + 18 ? line - 5 : y - 4;
        text.setAttribute("y", values[i] < base ? Math.max(y, zero) + 12 : above);
        setText(text, words[i]);
        if (onMove) setAttributes(group, { "aria-valuenow": values[i].toFixed(2), "aria-valuetext": words[i] });
      });
    },
  };
}

// ---- Controls: native inputs with labels ---------------------------------------------------------------

// A slider over [min, max]; `log` gives equal way to equal ratios. The mouse and the keys choose round values
// (two digits that count on a log scale, else whole `step`s), set(value) shows any value. names(mark) words the marks.
function slider(parent, { label, min, max, log = false, step = 1, marks = [], format = short, names = short, unit = "", onInput, onHold = null }) {
  const id = newId();
  const row = html("div", { class: "kd-slider" }, parent);
  html("label", { for: id }, row, label);
  const readout = html("span", { class: "kd-readout", "aria-hidden": "true" }, row);
  const track = html("div", { class: "kd-track" }, row);
  const input = html("input", { type: "range", id, min: 0, max: 1000, step: "any" }, track);
  const span = (log ? Math.log(max / min) : max - min) || 1; // of one stop there is no way to go
  const toShare = (value) => (log ? Math.log(value / min) : value - min) / span;
  const toValue = (share) => (log ? min * Math.exp(share * span) : min + share * span);
  const grain = (value) => (log ? 10 ** (Math.floor(Math.log10(value) + 1e-9) - 1) : step);
  const round = (wanted) => {
    const value = clamp(wanted, min, max); // first: a log scale knows nothing at or below 0
    const size = grain(value);
    return clamp(Number((Math.round(value / size) * size).toPrecision(10)), min, max);
  };
  let now = min;
  const choose = (value) => {
    const changed = round(value) !== now;
    api.set(round(value)); // at once: the next key may come before the next drawing
    if (changed) onInput(now);
  };
  input.addEventListener("input", () => choose(toValue(input.value / 1000)));
  if (onHold) whileHeld(input, onHold);
  input.addEventListener("keydown", (event) => {
    const up = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    const page = { PageUp: 0.1, PageDown: -0.1 }[event.key];
    const end = { Home: min, End: max }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (up ?? page ?? end) === undefined) return;
    event.preventDefault();
    if (up) choose(now + up * grain(up < 0 ? now * 0.999 : now));
    else if (page) {
      const far = toValue(clamp(toShare(now) + page, 0, 1));
      choose(round(far) === now ? now + Math.sign(page) * step : far); // of few stops, the next one
    }
    else choose(end);
  });
  const ruler = html("div", { class: "kd-marks", "aria-hidden": "true" }, track);
  for (const mark of marks) html("span", { style: `--at: ${toShare(mark)}` }, ruler, names(mark));
  const api = {
    input,
    set(value) {
      now = value;
      input.value = 1000 * toShare(value);
      input.setAttribute("aria-valuetext", `${format(value)}${unit}`);
      setText(readout, `${format(value)}${unit}`);
    },
    disable: (off) => (input.disabled = off),
  };
  return api;
}

// onHold(true) when the pointer takes the element, onHold(false) when it lets go, wherever that is.
function whileHeld(element, onHold) {
  element.addEventListener("pointerdown", () => {
    const ends = new AbortController();
    const release = () => { ends.abort(); onHold(false); };
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, release, { signal: ends.signal });
    onHold(true);
  });
}

function button(parent, text, onClick, { title = "", label = "" } = {}) {
  const node = html("button", { type: "button" }, parent, text);
  if (title) node.title = title;
  if (label) node.setAttribute("aria-label", label);
  node.addEventListener("click", onClick);
  return node;
}

// Copies the text of a field. navigator.clipboard is there on https and on this machine only, and may refuse.
function copyText(field) {
  const byHand = () => { field.focus(); field.select(); document.execCommand("copy"); }; // if that fails too, it is selected
  if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(() => field.select(), byHand);
  else byHand();
}

function checkbox(parent, text, onChange) {
  const label = html("label", { class: "kd-check" }, parent);
  const input = html("input", { type: "checkbox" }, label);
  label.append(text);
  input.addEventListener("change", () => onChange(input.checked));
  return { set: (on) => (input.checked = on), input };
}

// A native select with a label; names are the words of its options, and the choice is the number of one.
function menu(parent, { label, names, onChoose }) {
  const id = newId();
  const row = html("div", { class: "kd-menu" }, parent);
  html("label", { for: id }, row, label);
  const select = html("select", { id }, row);
  names.forEach((name, i) => html("option", { value: i }, select, name));
  select.addEventListener("change", () => onChoose(Number(select.value)));
  return { row, select, set: (i) => (select.value = i) };
}

// One picture of a strip: a native radio group, so that arrow keys move the choice. Nothing to choose from one.
function gallery(parent, { images, count, labels = [], name = "image", onChoose }) {
  const strip = html("div", { class: "kd-gallery", role: "radiogroup", "aria-label": `choose the ${name}` }, parent);
  const group = newId();
  const pictures = new Uint8Array(images.buffer, images.byteOffset, images.byteLength);
  const size = Math.sqrt(pictures.length / count);
  const inputs = Array.from({ length: count }, (_, i) => {
    const item = html("label", { class: "kd-thumbnail" }, strip);
    const words = labels.length ? `${name} ${i + 1} of ${count}, labelled ${labels[i]}` : `${name} ${i + 1} of ${count}`;
    const input = html("input", { type: "radio", name: group, "aria-label": words }, item);
    input.hidden = count === 1;
    input.addEventListener("change", () => onChoose(i));
    drawDigit(html("canvas", { width: size, height: size, role: "img", "aria-label": words }, item), pictures.subarray(i * size * size));
    return input;
  });
  return { set: (chosen) => inputs.forEach((input, i) => (input.checked = i === chosen)) };
}

// Ink as opacity: the style sheet turns it light on a dark ground.
function drawDigit(canvas, pixels) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < canvas.width * canvas.height; i++) picture.data[4 * i + 3] = pixels[i];
  context.putImageData(picture, 0, 0);
}

// A bar from nothing to `most`, with words beside it.
function meter(parent, label, most) {
  const row = html("div", { class: "kd-meter-row" }, parent);
  const bar = html("div", { class: "kd-meter", role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": most }, row);
  const fill = html("div", {}, bar);
  const words = html("span", {}, row);
  return (value, text) => {
    fill.style.width = `${clamp((100 * value) / most, 0, 100)}%`;
    setAttributes(bar, { "aria-valuenow": value.toFixed(3), "aria-valuetext": text });
    setText(words, text);
  };
}

// A goal that the lesson sets: an empty or a ticked box, its text, and how far the reader has come.
function goalLine(parent, text) {
  const line = html("p", { class: "kd-goal" }, parent);
  const tick = html("span", { class: "kd-tickbox", "aria-hidden": "true" }, line);
  html("span", {}, line, `Goal: ${text}`);
  const done = html("b", { class: "kd-done", role: "status" }, line); // spoken when it is reached, not at each move
  const progress = html("span", { class: "kd-progress" }, line);
  return (reached, words) => {
    line.classList.toggle("kd-reached", reached);
    setText(tick, reached ? "☑" : "☐");
    setText(progress, words);
    progress.title = words;
    setText(done, reached ? "reached" : "");
  };
}
