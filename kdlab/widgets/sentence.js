// SentencePanel: soft labels as bars, and how each model's probability of the second class moves with every word.

const CHART = { width: 780, height: 284, left: 62, right: 42, top: 26, bottom: 86 };
const LEAST = 6; // words that the x axis has room for at least, so that it does not change with the first ones

const sigmoid = (z) => 1 / (1 + Math.exp(-z));

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "reading kd-sentence", "Soft labels of a sentence, word by word");
  const [low, high] = get("_classes");

  const showSentence = sentenceRow(root, get("_examples"), (sentence) => save(model, { sentence }));
  const message = html("p", { class: "kd-complaint", role: "status" }, root);
  html("p", { class: "kd-hint" }, root, "Each model's answer to the sentence up to every word. Point at a word to see it in the bars.");

  const table = html("div", { class: "kd-labels", role: "group", "aria-label": "soft labels" }, root);
  const head = html("div", { class: "kd-line kd-header" }, table);
  const caption = html("span", { class: "kd-caption" }, head);
  html("span", { class: "kd-low" }, head, low);
  html("span", {}, head);
  html("span", {}, head, high);
  html("span", {}, head, "largest change");
  const lines = get("_models").map((style) => modelLine(table, style));
  for (const [name, why] of get("_missing")) {
    const line = html("div", { class: "kd-line kd-missing" }, table);
    html("span", { class: "kd-name" }, line, name);
    html("span", { class: "kd-why" }, line, `not here: ${why}`);
  }

  const figure = axes(root, { ...CHART, label: "probability after each word" });
  figure.root.dataset.figure = "words";
  figure.setTitle(`Probability of “${high}” after each word`);
  figure.setY([-0.02, 1.02], [0, 0.25, 0.5, 0.75, 1], (mark) => `${100 * mark} %`);
  svg("path", { d: `M${figure.box.x} ${figure.y(0.5)}h${figure.box.width}`, class: "kd-half" }, figure.plot);
  const cursor = svg("path", { class: "kd-cursor" }, figure.plot);
  const drawnLines = get("_models").map((style) => wordCurve(figure, style));
  const hit = svg("rect", { x: figure.box.x - 10, y: figure.box.y, width: figure.box.width + 20, height: CHART.height - figure.box.y, class: "kd-word-hit", tabindex: 0, role: "slider", "aria-label": "the sentence up to word" }, figure.root);
  const settings = html("div", { class: "kd-row" }, root);
  const heat = slider(settings, { label: "Temperature T", min: 0.5, max: 20, log: true, marks: [0.5, 1, 2, 4, 8, 20], onInput: (temperature) => save(model, { temperature }) });

  let hover = -1; // the word under the mouse, for this view alone
  const count = () => get("_words").length;
  const shownAt = () => (hover >= 0 && hover <= count() ? hover : get("at") < 0 ? count() : get("at"));
  const wordAt = (event) => {
    const area = figure.root.getBoundingClientRect();
    const x = ((event.clientX - area.left) / area.width) * CHART.width;
    return clamp(Math.round(((x - figure.box.x) / figure.box.width) * Math.max(count(), LEAST)), 0, count());
  };
  hit.addEventListener("pointermove", (event) => { hover = wordAt(event); drawAt(); });
  hit.addEventListener("pointerleave", () => { hover = -1; drawAt(); });
  hit.addEventListener("click", (event) => put(wordAt(event)));
  hit.addEventListener("keydown", (event) => {
    const here = get("at") < 0 ? count() : get("at");
    const to = { ArrowRight: here + 1, ArrowUp: here + 1, ArrowLeft: here - 1, ArrowDown: here - 1, PageUp: here + 5, PageDown: here - 5, Home: 0, End: count() }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    put(clamp(to, 0, count()));
  });
  const put = (at) => save(model, { at: at === count() ? -1 : at });

  function modelLine(parent, style) {
    const line = html("div", { class: "kd-line", style: `--ink: var(--kd-${style.color})` }, parent);
    line.dataset.model = style.name;
    const label = html("span", { class: "kd-name", title: style.name }, line);
    const sample = svg("svg", { viewBox: "0 0 30 12", class: "kd-sample", "aria-hidden": "true" }, label);
    svg("path", { d: "M1 6h28", class: "kd-word-curve", "stroke-dasharray": style.dash }, sample);
    html("span", {}, label, style.name);
    const left = html("span", { class: "kd-low" }, line);
    const bar = html("span", { class: "kd-soft-label", role: "meter", "aria-label": `${style.name}: probability of ${high}`, "aria-valuemin": 0, "aria-valuemax": 1 }, line);
    const fill_ = html("span", { class: "kd-fill" }, bar);
    const right = html("b", {}, line);
    const turn = html("span", { class: "kd-turn" }, line);
    const change = html("span", {}, turn);
    const unit = html("span", { class: "kd-unit" }, turn);
    const word = html("span", {}, turn);
    const wrong = html("span", { class: "kd-why" }, line);
    return (p, turned, failed) => {
      line.classList.toggle("kd-failed", Boolean(failed));
      setText(wrong, failed ? `failed: ${failed}` : "");
      wrong.title = failed ?? "";
      const there = Number.isFinite(p);
      setText(left, there ? percent(1 - p) : "–");
      setText(right, there ? percent(p) : "–");
      fill_.style.width = `${there ? 100 * p : 0}%`;
      bar.classList.toggle("kd-nothing", !there);
      setAttributes(bar, { "aria-valuenow": there ? p.toFixed(3) : 0, "aria-valuetext": there ? `${low} ${percent(1 - p)}, ${high} ${percent(p)}` : "no answer" });
      setText(change, turned ? `${turned[1] < 0 ? "−" : "+"}${Math.round(100 * Math.abs(turned[1]))}` : "");
      setText(unit, turned ? " points" : "");
      setText(word, turned ? `: ${turned[0]}` : "");
      turn.title = turned ? `“${turned[0]}” changed the probability of ${high} by ${decimals(100 * turned[1])} points` : "";
    };
  }

  let [shares, wordsShown] = [{}, null];
  function drawAt() {
    const [at, words] = [shownAt(), get("_words")];
    get("_models").forEach(({ name }, n) => {
      lines[n](shares[name]?.[at] ?? NaN, turnOf(shares[name], words), get("_failed")[name]);
    });
    const some = words.length > 0;
    setText(caption, !some ? "" : at === words.length ? `after all ${words.length} words` : at ? `after “${shortened(words[at - 1], 14)}”, word ${at} of ${words.length}` : "before the first word");
    setAttributes(cursor, { d: `M${figure.x(at)} ${figure.box.y}v${figure.box.height}`, visibility: some ? "visible" : "hidden" });
    [...figure.names.children].forEach((node, k) => node.classList.toggle("kd-here-word", k === at && some));
    const spoken = get("_models").filter(({ name }) => Number.isFinite(shares[name]?.[at])).map(({ name }) => `${name} ${percent(shares[name][at])}`);
    setAttributes(hit, { "aria-valuemin": 0, "aria-valuemax": words.length, "aria-valuenow": at, "aria-valuetext": `${caption.textContent}: ${high} ${spoken.join(", ")}` });
  }

  function draw() {
    showSentence(get("sentence"));
    setText(message, get("message"));
    const [words, temperature] = [get("_words"), get("temperature")];
    shares = Object.fromEntries(Object.entries(get("_margins")).map(([name, margins]) => [name, margins.map((z) => (z === null ? NaN : sigmoid(z / temperature)))]));
    if (wordsShown !== words) {
      wordsShown = words;
      nameWords(figure, words);
    }
    get("_models").forEach(({ name }, n) => drawnLines[n](shares[name] ?? [], turnOf(shares[name], words)));
    heat.set(temperature);
    drawAt();
  }

  root.addEventListener("kd-fitted", () => { nameWords(figure, get("_words")); drawAt(); });
  return drawOnChange(model, root, ["sentence", "message", "temperature", "at", "_words", "_margins", "_failed"], draw);
}

// [word, change, its number] of the largest step, or null.
function turnOf(values, words) {
  if (!values) return null;
  const steps = words.map((word, k) => [word, values[k + 1] - values[k], k + 1]).filter(([, change]) => Number.isFinite(change));
  return steps.length ? steps.reduce((best, step) => (Math.abs(step[1]) > Math.abs(best[1]) ? step : best)) : null;
}

// The words below the axis: upright while they fit, else slanted.
function nameWords(figure, words) {
  const extent = Math.max(words.length, LEAST);
  const unit = unitOf(figure.root); // the narrower the figure, the fewer and the shorter the words
  const texts = words.length ? ["(start)", ...words.map((word) => shortened(word, clamp(Math.floor(15 / unit), 6, 15)))] : [];
  figure.setX([0, extent], texts.map((_, k) => k), texts);
  const step = figure.box.width / extent;
  const slanted = texts.some((text) => text.length * 8.5 * unit > Math.min(step, 2 * CHART.right));
  const every = Math.ceil((15 * unit) / step);
  [...figure.names.children].forEach((node, k) => {
    if (!slanted) return;
    if (k % every) node.style.visibility = "hidden";
    node.setAttribute("class", "kd-tick kd-end kd-slanted");
    setAttributes(node, { x: 0, y: 0, transform: `translate(${figure.x(k) + 4} ${figure.box.y + figure.box.height + 12}) rotate(-50)` });
  });
}

// A line with a point at every word; gaps where a model gave no number; the largest step underlaid.
function wordCurve(figure, { name, color, dash }) {
  const group = svg("g", { style: `--ink: var(--kd-${color})` }, figure.plot);
  group.dataset.curve = name;
  const turn = svg("path", { class: "kd-turn-line" }, group);
  const line = svg("path", { class: "kd-word-curve", "stroke-dasharray": dash }, group);
  const dots = svg("path", { class: "kd-dots" }, group);
  return (values, turned) => {
    const at = (k) => `${figure.x(k).toFixed(1)} ${figure.y(values[k]).toFixed(1)}`;
    const there = values.map(Number.isFinite);
    line.setAttribute("d", values.map((_, k) => (there[k] ? `${k && there[k - 1] ? "L" : "M"}${at(k)}` : "")).join(""));
    dots.setAttribute("d", values.map((_, k) => (there[k] ? `M${at(k)}h0` : "")).join(""));
    turn.setAttribute("d", turned ? `M${at(turned[2] - 1)}L${at(turned[2])}` : "");
  };
}

export default { render };
