// DarkKnowledgePanel: a map of second choices for each model, and the soft targets of one digit below each.

const FLOOR = -6; // the log scale shows 10^-6 .. 1
const MOST = 9; // digits in the strip

const superscript = (n) => String(n).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻");

function render({ model, el }) {
  const get = (name) => model.get(name);
  const names = get("names");
  const [count, width] = get("_size");
  const [groups, shown, labels] = [get("_groups"), get("_shown"), get("_labels")];
  const classes = Array.from({ length: width }, (_, i) => String(i));
  const root = panelRoot(el, "dark-knowledge", "Second choices of a teacher and its students");

  const { buffer, byteOffset, byteLength } = get("_logits");
  const logits = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  const row = (who, n) => Array.from(logits.subarray((who * count + n) * width, (who * count + n + 1) * width));
  const firsts = Array.from({ length: count }, (_, n) => ranking(row(0, n))[0]);

  // KL(teacher || student) of one digit over the classes that are not the teacher's first.
  function divergence(who, n, temperature) {
    let [topP, topQ] = [-Infinity, -Infinity];
    const [p, q, first] = [n * width, (who * count + n) * width, firsts[n]];
    for (let c = 0; c < width; c++) {
      if (c === first) continue;
      topP = Math.max(topP, logits[p + c]);
      topQ = Math.max(topQ, logits[q + c]);
    }
    let [sumP, sumQ, dot] = [0, 0, 0];
    for (let c = 0; c < width; c++) {
      if (c === first) continue;
      const [a, b] = [(logits[p + c] - topP) / temperature, (logits[q + c] - topQ) / temperature];
      const power = Math.exp(a);
      sumP += power;
      sumQ += Math.exp(b);
      dot += power * (a - b);
    }
    return Math.max(0, dot / sumP - Math.log(sumP) + Math.log(sumQ));
  }
  function meanDivergence(who, temperature) {
    let sum = 0;
    for (let n = 0; n < count; n++) sum += divergence(who, n, temperature);
    return sum / count;
  }

  // Choosing a group, and a digit in it.
  const members = () => groups[get("group").join(" ")] ?? [];
  const pick = (group) => {
    const found = groups[group.join(" ")];
    if (found) save(model, { group, selected: found[0] });
  };
  const top = html("div", { class: "kd-row kd-pick" }, root);
  const first = menu(top, { label: "The teacher sees a", names: ["any", ...classes], onChoose: (i) => pick(groups[`${i - 1} ${get("group")[1]}`] ? [i - 1, get("group")[1]] : [i - 1, -1]) });
  const second = menu(top, { label: "and next a", names: ["any", ...classes], onChoose: (i) => pick([get("group")[0], i - 1]) });
  const size = html("span", { class: "kd-hint" }, top);
  const strip = html("div", { class: "kd-gallery", role: "radiogroup", "aria-label": "choose the digit" }, root);
  const pictures = get("_images");
  const pixels = new Uint8Array(pictures.buffer, pictures.byteOffset, pictures.byteLength);
  const groupName = newId();
  const thumbnails = Array.from({ length: MOST }, (_, k) => {
    const item = html("label", { class: "kd-thumbnail" }, strip);
    const input = html("input", { type: "radio", name: groupName }, item);
    input.addEventListener("change", () => save(model, { selected: members()[k] }));
    const canvas = html("canvas", { width: 28, height: 28, role: "img" }, item);
    return { item, input, canvas };
  });
  const about = html("p", { class: "kd-about" }, root);

  const four = names.length === 4 ? "kd-four" : ""; // two by two in a narrow cell
  const columns = html("div", { class: `kd-columns ${four}`, style: `--columns: ${names.length}` }, root);
  const parts = names.map((name, who) => {
    const column = html("div", { style: `--model: var(--kd-${get("_colors")[who]}); --ink: var(--kd-${get("_colors")[who]})` }, columns);
    const map = heatMap(column, name, get("_counts")[who], pick);
    const figure = barAxes(column, classes, { label: `soft targets, ${name}`, width: 290, height: 164, left: 40, top: 22, bottom: 40, xLabel: "class" });
    figure.root.dataset.figure = name;
    const drawn = bars(figure, classes);
    const line = html("p", { class: "kd-choice" }, column);
    const [words, verdict] = [html("span"), html("span")];
    line.append(words, " ", verdict); // a narrow column breaks the line here
    const distance = who ? html("p", {}, column) : null;
    const share = who ? meter(column, `second choices that are the teacher's, ${name}`, 1) : null;
    return { name, who, map, figure, drawn, words, verdict, distance, share };
  });
  const same = get("_counts").map((_, who) => sharedSeconds(who));

  function sharedSeconds(who) {
    let agree = 0;
    for (let n = 0; n < count; n++) agree += secondOf(who, n) === secondOf(0, n);
    return agree / count;
  }
  function secondOf(who, n) {
    const start = (who * count + n) * width;
    let best = -1;
    for (let c = 0; c < width; c++) if (c !== firsts[n] && (best < 0 || logits[start + c] > logits[start + best])) best = c;
    return best;
  }

  const settings = html("div", { class: "kd-row" }, root);
  const heat = slider(settings, { label: "Temperature T", min: 0.5, max: 20, log: true, marks: [1, 2, 4, 8, 20], onInput: (temperature) => save(model, { temperature }) });
  const logScale = checkbox(settings, "log scale", (on) => save(model, { log_scale: on }));
  html("p", { class: "kd-explain" }, root,
    `Second choice: the likeliest class once the teacher's first is left out. Distance: KL(teacher‖student) in nats over the other ${width - 1} classes, rescaled to sum to one.`);

  function drawStrip() {
    const found = members();
    thumbnails.forEach(({ item, input, canvas }, k) => {
      item.style.visibility = k < found.length ? "visible" : "hidden";
      input.disabled = k >= found.length;
      if (k >= found.length) return;
      const at = shown.indexOf(found[k]);
      const words = `digit ${k + 1} of ${found.length}, labelled ${labels[at]}`;
      input.checked = found[k] === get("selected");
      input.setAttribute("aria-label", words);
      canvas.setAttribute("aria-label", words);
      drawDigit(canvas, pixels.subarray(at * 784, (at + 1) * 784));
    });
  }

  let [wasLog, lastGroup, lastHeat, means] = [null, "", null, []];
  function setScale(log) {
    if (log === wasLog) return;
    wasLog = log;
    for (const { figure } of parts) {
      if (log) figure.setY([FLOOR, 0.6], [-6, -4, -2, 0], (mark) => (mark ? `10${superscript(mark)}` : "1"));
      else figure.setY([0, 1.1], [0, 0.5, 1], (mark) => `${100 * mark} %`);
    }
  }

  function draw() {
    const [[f, s], n, temperature, log] = [get("group"), get("selected"), get("temperature"), get("log_scale")];
    if (lastGroup !== `${f} ${s}`) {
      lastGroup = `${f} ${s}`;
      first.set(f + 1);
      second.set(s + 1);
      [...second.select.options].forEach((option, i) => (option.disabled = i > 0 && !groups[`${f} ${i - 1}`]));
    }
    const counts = get("_counts")[0];
    const inGroup = counts.flatMap((line, i) => line.filter((_, j) => (f < 0 || f === i) && (s < 0 || s === j))).reduce((a, b) => a + b, 0);
    setText(size, `${inGroup} of ${count} digits; the closest calls:`);
    drawStrip();
    setScale(log);
    if (temperature !== lastHeat) {
      lastHeat = temperature;
      means = names.map((_, who) => (who ? meanDivergence(who, temperature) : 0));
    }
    const favourite = secondOf(0, n);
    setText(about, `This one is labelled ${labels[shown.indexOf(n)]}; the teacher's first choice is ${firsts[n]}, its second ${favourite}.`);
    for (const { name, who, map, figure, drawn, words, verdict, distance, share } of parts) {
      const soft = softmax(row(who, n), temperature);
      const choice = secondOf(who, n);
      map(name, who ? ` (${Math.round(100 * same[who])} % the same)` : "'s second choices", [f, s], [firsts[n], choice]);
      const style = (i) => (i === firsts[n] ? "kd-own" : i === choice ? "kd-own-second" : "kd-own-rest");
      const spoken = (p) => (log ? percent(p) : p < 0.005 ? "" : decimals(100 * p, 0));
      drawn.update(log ? soft.map((p) => Math.max(Math.log10(p), FLOOR)) : soft, soft.map((p, i) => (log && i !== choice ? "" : spoken(p))), style, log ? FLOOR : 0);
      figure.setTitle(`Soft targets at T = ${short(temperature)}`);
      [...figure.names.children].forEach((node, i) => node.classList.toggle("kd-is-second", i === choice));
      setText(words, `second: ${choice} with ${percent(soft[choice])}`);
      setText(verdict, who ? (choice === favourite ? "✓ same" : "✗ other") : "");
      if (!who) continue;
      setText(distance, `distance ${divergence(who, n, temperature).toFixed(2)}, mean ${means[who].toFixed(2)} nats`);
      share(same[who], `same second ${decimals(100 * same[who])} %`);
    }
    heat.set(temperature);
    logScale.set(log);
  }

  return drawOnChange(model, root, ["temperature", "group", "selected", "log_scale"], draw);
}

// Rows: the teacher's first choice. Columns: the second choice of this model. The darker, the larger the share of a row.
function heatMap(parent, name, counts, onPick) {
  const classes = counts.length;
  const cell = 240 / classes;
  const [left, top] = [40, 24];
  const root = svg("svg", { viewBox: "0 0 290 302", class: "kd-figure kd-map", role: "img", "aria-label": `map of second choices, ${name}` }, parent);
  root.dataset.map = name;
  const heading = svg("text", { x: left + 120, y: 13, class: "kd-title" }, root);
  const [title, more] = [svg("tspan", {}, heading), svg("tspan", { class: "kd-more" }, heading)];
  svg("text", { x: left + 120, y: 298, class: "kd-label" }, root, "second choice");
  svg("text", { transform: `translate(12 ${top + 120}) rotate(-90)`, class: "kd-label" }, root, "teacher's first choice");
  counts.forEach((line, i) => {
    const sum = Math.max(1, line.reduce((a, b) => a + b));
    svg("text", { x: left - 6, y: top + cell * (i + 0.5) + 4, class: "kd-tick kd-end" }, root, String(i));
    svg("text", { x: left + cell * (i + 0.5), y: top + 240 + 15, class: "kd-tick" }, root, String(i));
    line.forEach((n, j) => {
      const share = n / sum;
      const group = svg("g", { class: "kd-cell" }, root);
      const [x, y] = [left + cell * j, top + cell * i];
      svg("rect", { x: x + 0.5, y: y + 0.5, width: cell - 1, height: cell - 1, rx: 2, style: `--share: ${(100 * Math.sqrt(share)).toFixed(1)}%` }, group);
      if (i === j) svg("path", { d: `M${x + 4} ${y + 4}l${cell - 8} ${cell - 8}`, class: "kd-none" }, group);
      else if (share >= 0.095) svg("text", { x: x + cell / 2, y: y + cell / 2 + 3.5 }, group, String(Math.round(100 * share)));
      svg("title", {}, group, i === j ? "" : `of ${sum} digits that the teacher calls ${i}, the second choice is ${j} for ${n}`);
      if (i !== j) group.addEventListener("click", () => onPick([i, j]));
    });
  });
  const chosen = svg("rect", { class: "kd-chosen" }, root);
  const here = svg("rect", { class: "kd-of-digit", rx: 3, width: cell, height: cell }, root);
  return (words, moreWords, [f, s], [i, j]) => {
    setText(title, words);
    setText(more, moreWords);
    const [x, w] = s < 0 ? [left, 240] : [left + cell * s, cell];
    const [y, h] = f < 0 ? [top, 240] : [top + cell * f, cell];
    setAttributes(chosen, { x: x - 1, y: y - 1, width: w + 2, height: h + 2, visibility: f < 0 && s < 0 ? "hidden" : "visible" });
    setAttributes(here, { x: left + cell * j, y: top + cell * i });
  };
}

export default { render };
