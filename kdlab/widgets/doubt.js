// DoubtPanel: pictures sorted by doubt, and what each of several teachers says of one of them.

const SHOWN = 12;

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "doubt", "Pictures in the order of doubt");
  const [count, classes, orders, what] = ["_count", "_classes", "_orders", "_what"].map(get);
  const keys = Object.keys(orders);

  const row = html("div", { class: "kd-row" }, root);
  const order = menu(row, { label: "Sorted by", names: Object.values(orders), onChoose: (i) => save(model, { order: keys[i] }) });
  const last = count - SHOWN;
  const place = slider(row, { label: "from picture", min: 0, max: last, marks: [0, last], names: (v) => String(v + 1), format: (v) => String(v + 1), onInput: (value) => save(model, { place: value }) });

  const strip = html("div", { class: "kd-doubt-strip", role: "radiogroup", "aria-label": "choose a picture" }, root);
  const group = newId();
  const items = Array.from({ length: SHOWN }, (_, i) => {
    const label = html("label", { class: "kd-thumbnail" }, strip);
    const input = html("input", { type: "radio", name: group }, label);
    input.addEventListener("change", () => save(model, { chosen: i }));
    const canvas = html("canvas", { width: 28, height: 28 }, label);
    const words = html("span", {}, label);
    return { input, canvas, words };
  });
  const line = html("p", { class: "kd-doubt-words", role: "status" }, root);

  const pair = html("div", { class: "kd-pair" }, root);
  const rows = get("_opinions").length;
  const height = 56 + 17 * rows;
  const table = svg("svg", { viewBox: `0 0 380 ${height}`, class: "kd-figure", role: "img" }, pair);
  table.dataset.figure = "opinions";
  const [left, top, wide] = [70, 26, (380 - 78) / classes.length];
  svg("text", { x: left + (380 - 78) / 2, y: 15, class: "kd-title" }, table, "What each teacher says");
  const heat = svg("g", { class: "kd-heat" }, table);
  const cells = Array.from({ length: rows }, (_, k) => {
    const y = top + 17 * k + (k === rows - 1 ? 6 : 0);
    svg("text", { x: left - 6, y: y + 12, class: k === rows - 1 ? "kd-end kd-title" : "kd-end kd-tick" }, table, k === rows - 1 ? "mean" : `teacher ${k + 1}`);
    return classes.map((_, c) => {
      svg("rect", { class: "kd-doubt-ground", x: left + c * wide + 1, y, width: wide - 2, height: 15 }, heat);
      return svg("rect", { class: k === rows - 1 ? "kd-doubt-mean" : "kd-doubt-cell", x: left + c * wide + 1, y, width: wide - 2, height: 15 }, heat);
    });
  });
  const names = svg("g", { class: "kd-names" }, table);
  const short = classes.every((name) => name.length <= 2);
  classes.forEach((name, c) => svg("text", { x: left + (c + 0.5) * wide, y: height - 8, class: "kd-tick" }, names, short ? name : name.slice(0, 4)));

  const figure = axes(pair, { title: `Share of the ${what} found so far`, xLabel: "pictures looked at, the most doubtful first", xRange: [0, 1], height: Math.max(height, 220), bottom: 36, left: 46, yRange: [0, 1], yFormat: (m) => `${Math.round(100 * m)} %` });
  figure.root.dataset.figure = "found";
  figure.setX([0, 1], [0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"]);
  svg("path", { class: "kd-coin kd-doubt-chance", d: `M${figure.x(0)} ${figure.y(0)}L${figure.x(1)} ${figure.y(1)}` }, figure.plot);
  svg("text", { class: "kd-tick kd-end", x: figure.x(0.98), y: figure.y(0.06) }, figure.plot, "dashed: in random order");
  const path = svg("path", { class: "kd-curve kd-distilled" }, figure.clipped);
  const here = svg("rect", { class: "kd-now kd-doubt-here", y: figure.box.y, height: figure.box.height, width: Math.max(3, (figure.box.width * SHOWN) / count) }, figure.plot);
  const area = svg("text", { class: "kd-end kd-title", x: figure.x(0.98), y: figure.y(0.18) }, figure.plot);

  function draw() {
    const buffer = get("_pictures"); // a DataView
    const pictures = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const [captions, chosen, at] = [get("_captions"), get("chosen"), get("place")];
    order.set(keys.indexOf(get("order")));
    place.set(at);
    items.forEach(({ input, canvas, words }, i) => {
      const [said, truth, right] = captions[i];
      drawDigit(canvas, pictures.subarray(784 * i, 784 * (i + 1)));
      input.checked = i === chosen;
      input.setAttribute("aria-label", `picture ${at + i + 1}: ${truth}, the teachers together say ${said}`);
      setText(words, `${said} ${right ? "✓" : "✗"}`);
    });
    const [said, truth, right] = captions[chosen];
    setText(line, `Picture ${at + chosen + 1} of ${count}: it is ${truth}. Together they say ${said} ${right ? "✓" : "✗"}.`);
    const opinions = get("_opinions");
    cells.forEach((line, k) => line.forEach((cell, c) => cell.setAttribute("opacity", opinions[k][c])));
    table.setAttribute("aria-label", `First choices: ${opinions.map((p) => classes[p.indexOf(Math.max(...p))]).join(", ")}; the last is the mean's`);
    const found = get("_found");
    path.setAttribute("d", `M${found.map((share, i) => `${figure.x(i / (found.length - 1)).toFixed(1)} ${figure.y(share).toFixed(1)}`).join("L")}`);
    here.setAttribute("x", figure.x(at / count));
    setText(area, `area under the ROC curve ${decimals(get("_area"), 2)}`);
  }

  return drawOnChange(model, root, ["order", "place", "chosen", "_pictures", "_captions", "_opinions", "_found", "_area"], draw);
}

export default { render };
