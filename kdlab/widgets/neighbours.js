// NeighboursPanel: a row of five pictures for each space. Python found them; here they are only shown.

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "neighbours", "The nearest pictures in several spaces");
  const [names, classes, labels, found, count] = [get("_names"), get("_classes"), get("_labels"), get("_found"), get("_shown")];
  const buffer = get("_images"); // a DataView
  const pixels = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const imageOf = (i) => pixels.subarray(784 * i, 784 * (i + 1));
  const word = (i) => classes[labels[i]];
  const chooser = gallery(root, { images: new DataView(buffer.buffer, buffer.byteOffset, 784 * count), count, labels: labels.slice(0, count).map((label) => classes[label]), name: "picture", onChoose: (picture) => save(model, { picture }) });
  const about = html("p", { class: "kd-likely", role: "status" }, root);
  const table = html("div", { class: "kd-near-table" }, root);
  const rows = names.map((name) => {
    const row = html("div", { class: "kd-near-row", role: "group", "aria-label": name }, table);
    const side = html("div", { class: "kd-near-side" }, row);
    html("b", {}, side, name);
    html("span", {}, side, `nearest the same: ${decimals(100 * get("recall")[name], 1)} %`);
    const cells = found[name][0].map(() => {
      const cell = html("figure", { class: "kd-near" }, row);
      const canvas = html("canvas", { width: 28, height: 28, role: "img" }, html("div", { class: "kd-near-frame" }, cell));
      return { cell, canvas, words: html("figcaption", {}, cell) };
    });
    return { name, cells };
  });

  function draw() {
    const chosen = get("picture");
    chooser.set(chosen);
    setText(about, `Chosen: ${word(chosen)}. Its five nearest, from left to right:`);
    for (const { name, cells } of rows)
      found[name][chosen].forEach((i, k) => {
        const { cell, canvas, words } = cells[k];
        const same = labels[i] === labels[chosen];
        drawDigit(canvas, imageOf(i));
        canvas.setAttribute("aria-label", `${word(i)}, ${same ? "the same" : "another"}`);
        cell.classList.toggle("kd-other-class", !same);
        setText(words, `${word(i)} ${same ? "✓" : "✗"}`);
      });
  }

  return drawOnChange(model, root, ["picture"], draw);
}

export default { render };
