// WritingPanel: what two language models have learned, in bits, in texts of their own, and in what they expect next.

const NAMES = { teacher: "teacher", distilled: "distilled", hard: "hard labels" };
const TOP = 8; // characters of the teacher that have bars
const CHARS = { width: 430, height: 218, left: 44, right: 6, top: 26, bottom: 40 };

const visible = (character) => ({ " ": "␣", "\n": "↵" })[character] ?? character;

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "writing", "Two students learn to write");
  const tools = toolbar(root, model);

  const pair = html("div", { class: "kd-pair kd-desk" }, root);
  const learning = html("div", { role: "group", "aria-label": "learning" }, pair);
  const bitsWords = { tick: short, words: (value) => decimals(value, 2) };
  const curves = raceCurves(learning, model, { title: "Bits per character of held-out text", range: get("_bits_range"), level: get("_teacher_bits"), format: bitsWords, width: 430, height: 300, legendWidth: 150, legendAt: "top" });
  const settings = html("div", { class: "kd-settings" }, learning);
  const sliders = steering(settings, model, { label: "Distillation temperature T", min: 0.5, max: 10, marks: [0.5, 1, 2, 4, 10] });
  html("p", { class: "kd-explain" }, learning, "These two change what the distilled student learns. The sampling temperature changes the texts alone.");

  const writing = html("div", { role: "group", "aria-label": "writing" }, pair);
  html("p", { class: "kd-heading" }, writing, "What they write after your prompt");
  const pages = Object.keys(NAMES).map((name) => textPage(writing, name, get("_characters")));
  const ask = html("div", { class: "kd-row kd-ask" }, writing);
  const field = textField(ask, "Prompt", (prompt) => save(model, { prompt }));
  const message = html("p", { class: "kd-note", role: "status" }, writing);
  const row = html("div", { class: "kd-settings" }, writing);
  const sampling = slider(row, { label: "Sampling temperature", min: 0, max: 2, step: 0.1, marks: [0, 0.5, 1, 1.5, 2], names: (mark) => mark ? short(mark) : "greedy", format: (value) => value ? short(value) : "greedy", onInput: (value) => save(model, { sampling: value }) });

  const below = html("div", { class: "kd-pair kd-expect" }, root);
  const reading = html("div", {}, below);
  html("p", { class: "kd-heading" }, reading, "What comes next in a text that is new to all?");
  const place = passage(reading, get("_passage"), (at) => save(model, { at }));
  html("p", { class: "kd-explain" }, reading, "Choose a character by mouse or arrow keys: the models read what stands before it.");
  const key = Object.keys(NAMES).map((name) => answer(html("div", { class: "kd-answer" }, reading), name));
  const chart = nextBars(below, get("_vocabulary"));

  const line = recipeLine(root, model);

  const size = get("_vocabulary").length;
  const numbers = (name) => { const { buffer, byteOffset, byteLength } = get(name); return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)); };
  const heard = numbers("_heard");
  const rowAt = (all, at) => softmax(Array.from(all.subarray(at * size, (at + 1) * size)));

  function draw() {
    tools();
    curves();
    sliders();
    field.show(get("prompt"));
    setText(message, get("_message"));
    message.title = get("_message");
    sampling.set(get("sampling"));
    for (const show of pages) show(get("_opening"), get("_written"));
    const [at, said] = [get("at"), numbers("_said")];
    const half = said.length / 2;
    const expected = { teacher: rowAt(heard, at - 1), distilled: rowAt(said.subarray(0, half), at - 1), hard: rowAt(said.subarray(half), at - 1) };
    const true_ = get("_vocabulary").indexOf(get("_passage")[at]);
    for (const show of key) show(visible(get("_passage")[at]), expected, true_);
    chart(expected, true_, get("_passage").slice(0, at));
    place(at, key.map((show) => show.words()).join(", "));
    line();
  }

  return drawOnChange(model, root, [...STEERED_TRAITS, "prompt", "sampling", "at", "_message", "_opening", "_written", "_said"], draw);
}

// A line as the curves have it, and the model's name.
function sample(parent, name) {
  const picture = svg("svg", { viewBox: "0 0 30 12", class: "kd-sample", "aria-hidden": "true" }, parent);
  svg("path", { d: "M1 6h28", class: `kd-curve kd-${name}` }, picture);
  html("b", {}, parent, NAMES[name]);
}

// One model's text: the prompt, what it has written so far, and what is left of the text before.
function textPage(parent, name, characters) {
  const box = html("div", { class: "kd-page", role: "group", "aria-label": `what the ${NAMES[name]} model writes`, style: `--most: ${characters}` }, parent);
  box.dataset.model = name;
  const head = html("div", { class: "kd-page-head" }, box);
  sample(head, name);
  const step = html("span", { class: "kd-when" }, head);
  const text = html("p", {}, box);
  const [opening, fresh, old] = ["kd-opening", "kd-fresh", "kd-old"].map((kind) => html("span", { class: kind }, text));
  return (prompt, written) => {
    const [now, before, at] = written[name] ?? ["", "", 0];
    setText(opening, prompt.replaceAll("\n", "↵"));
    setText(fresh, now.replaceAll("\n", "↵"));
    setText(old, before.replaceAll("\n", "↵"));
    setText(step, name === "teacher" ? "" : at ? `after ${at} steps` : "untrained");
  };
}

// A text in which one character is chosen, by mouse or arrow keys. What stands before it is what the models read.
function passage(parent, text, onChoose) {
  const box = html("div", { class: "kd-passage", tabindex: 0, role: "slider", "aria-label": "place in the text", "aria-valuemin": 1, "aria-valuemax": text.length - 1 }, parent);
  const spans = [...text].map((character) => html("span", {}, box, character === "\n" ? "↵" : character));
  let now = 1;
  const choose = (at) => { show(clamp(at, 1, text.length - 1), ""); onChoose(now); }; // at once: the next key may come before the next drawing
  const point = (event) => {
    const at = spans.indexOf(document.elementFromPoint(event.clientX, event.clientY));
    if (at > 0 && at !== now) choose(at);
  };
  box.addEventListener("pointerdown", point);
  box.addEventListener("pointermove", (event) => event.buttons && point(event));
  box.addEventListener("keydown", (event) => {
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, ArrowDown: now + 10, ArrowUp: now - 10, PageDown: now + 10, PageUp: now - 10, Home: 1, End: text.length - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(to);
  });
  function show(at, words) {
    now = at;
    spans.forEach((span, i) => {
      span.className = i < at ? "kd-read" : i === at ? "kd-next" : "";
      if (text[i] === " ") setText(span, i === at ? "␣" : " ");
    });
    setAttributes(box, { "aria-valuenow": at, "aria-valuetext": `character ${at}, “${visible(text[at])}”${words && `: ${words}`}` });
  }
  return show;
}

// The probability that a model gives to the true next character.
function answer(parent, name) {
  sample(parent, name);
  const words = html("span", {}, parent);
  let spoken = "";
  const show = (character, expected, at) => {
    spoken = `${NAMES[name]} ${percent(expected[name][at])}`;
    setText(words, `gives the true “${character}” ${percent(expected[name][at])}`);
  };
  show.words = () => spoken;
  return show;
}

// Bars of three models for the characters that the teacher holds most likely, for the true one, and for all others.
function nextBars(parent, vocabulary) {
  const figure = axes(parent, { ...CHARS, label: "what comes next", xRange: [0, TOP + 1] });
  figure.root.dataset.figure = "next";
  figure.setY([0, 1.06], [0, 0.25, 0.5, 0.75, 1], (mark) => `${100 * mark} %`);
  const slot = figure.box.width / (TOP + 1);
  const right = svg("rect", { y: figure.box.y, width: slot, height: figure.box.height + 22, class: "kd-truth", rx: 3 }, figure.plot);
  const width = 0.27 * slot;
  const rects = Array.from({ length: TOP + 1 }, (_, i) =>
    Object.keys(NAMES).map((name, j) => svg("rect", { class: `kd-${name}`, x: figure.x(i) + (0.08 + 0.28 * j) * slot, width, rx: 1 }, svg("g", { class: "kd-bar" }, figure.plot))));
  const spoken = svg("desc", {}, figure.root);
  return (expected, truth, before) => {
    const shown = ranking(expected.teacher).slice(0, TOP);
    if (!shown.includes(truth)) shown[TOP - 1] = truth; // always there, if need be in place of the last
    const names = [...shown.map((i) => visible(vocabulary[i])), "others"];
    figure.setX([0, TOP + 1], names.map((_, i) => i + 0.5), names);
    const place = shown.indexOf(truth);
    [...figure.names.children].forEach((node, i) => node.classList.toggle("kd-true-name", i === place));
    right.setAttribute("x", figure.x(place));
    const words = [];
    rects.forEach((group, i) => group.forEach((rect, j) => {
      const all = expected[Object.keys(NAMES)[j]];
      const value = i < TOP ? all[shown[i]] : Math.max(0, 1 - shown.reduce((sum, k) => sum + all[k], 0));
      setAttributes(rect, { y: figure.y(value), height: figure.box.y + figure.box.height - figure.y(value) });
      rect.dataset.value = value.toFixed(4);
      if (j === 0) words.push(`${names[i]} ${percent(value)}`);
    }));
    figure.setTitle(`Next after “${[...before].slice(-14).map(visible).join("").replaceAll("␣", " ")}”`);
    setText(spoken, `teacher: ${words.join(", ")}`);
  };
}

export default { render };
