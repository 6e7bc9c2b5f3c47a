// SqueezePanel: a network between bytes and errors, three sliders that squeeze it, and the answers that change.

const kilobytes = (bytes) => `${bytes < 1e5 ? decimals(bytes / 1000, 1) : decimals(bytes / 1000, 0)} kB`;
const KINDS = { "": "plain", "soft answers": "soft", labels: "hard" };
const bitWords = (bits) => (typeof bits === "number" ? `${bits} bits` : bits);

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "squeeze", "A network in fewer bytes");
  const [ranks, bits, first, recorded, goal] = [get("_ranks"), get("_bits"), get("_first"), get("_recorded"), get("goal")];
  const tools = toolbar(root, model, { doing: "at work" });
  const tourButton = root.querySelector(".kd-start");

  const sliders = html("div", { class: "kd-row" }, root);
  const zeros = slider(sliders, { label: "Zeros", min: 0, max: 98, unit: " %", marks: [0, 50, 90], onInput: (value) => save(model, { zeros: value }) });
  const rank = slider(sliders, { label: "Rank", min: 0, max: ranks.length - 1, marks: ranks.map((_, i) => i), names: (i) => ranks[i] ?? "full", format: (i) => String(ranks[i] ?? "full"), onInput: (i) => save(model, { rank: ranks[i] }) });
  const coarse = slider(sliders, { label: "Bits", min: 0, max: bits.length - 1, marks: bits.map((_, i) => i), names: (i) => (typeof bits[i] === "number" ? bits[i] : "±1"), format: (i) => String(bits[i]), onInput: (i) => save(model, { bits: bits[i] }) });
  const row = html("div", { class: "kd-row kd-squeeze-mend" }, root);
  button(row, `Mend: ${get("_steps")} steps with D’s soft answers`, () => tell(model, { request: "mend", value: "soft answers" }));
  button(row, "Mend with labels", () => tell(model, { request: "mend", value: "labels" }));
  button(row, "Forget the trail", () => tell(model, { request: "forget" }));

  const pair = html("div", { class: "kd-pair" }, root);
  const most = first.bytes * 1.5;
  const xRange = [Math.max(first.bytes / 500, 10), most];
  const marks = logTicks(...xRange).filter((mark) => /^1|^2|^5/.test(mark) && (xRange[1] / xRange[0] < 20 || /^1/.test(mark)));
  const figure = axes(pair, { title: `Errors on ${get("_of")} validation images`, xLabel: "bytes", height: 300, left: 46, bottom: 38, xRange, xLog: true,
    xTicks: marks, xNames: marks.map((mark) => (mark < 1000 ? `${mark} B` : `${short(mark / 1000)} kB`)), yRange: [Math.max(1, first.errors / 2), get("_of")], yLog: true });
  figure.root.dataset.figure = "point";
  const { box } = figure;
  if (goal) {
    const [x, y] = [figure.x(goal.bytes), figure.y(goal.errors)];
    svg("rect", { class: "kd-squeeze-goal", x: box.x, y, width: Math.max(0, x - box.x), height: Math.max(0, box.y + box.height - y) }, figure.clipped);
  }
  for (const [name, bytes, errors] of recorded) svg("title", {}, svg("circle", { class: "kd-squeeze-recorded", r: 3.5, cx: figure.x(bytes), cy: figure.y(errors) }, figure.clipped), `${name}: ${kilobytes(bytes)}, ${errors} errors`);
  svg("path", { class: "kd-squeeze-first", d: `M${figure.x(first.bytes)} ${figure.y(first.errors)}m-6 0l6 -6l6 6l-6 6z` }, figure.clipped);
  svg("text", { class: "kd-label", x: figure.x(first.bytes), y: figure.y(first.errors) - 11 }, figure.plot, "D");
  const line = svg("path", { class: "kd-squeeze-line" }, figure.clipped);
  const dots = svg("g", {}, figure.clipped);
  const here = svg("circle", { r: 7 }, figure.plot);

  const side = html("div", {}, pair);
  const heading = html("b", { class: "kd-squeeze-heading" }, side);
  const tally = html("p", { class: "kd-squeeze-words" }, side);
  const strip = html("div", { class: "kd-squeeze-strip", role: "list", "aria-label": "pictures whose answer has changed" }, side);
  const slots = Array.from({ length: 15 }, () => {
    const slot = html("div", { class: "kd-squeeze-slot", role: "listitem" }, strip);
    return { slot, canvas: html("canvas", { width: 28, height: 28, "aria-hidden": "true" }, slot), words: html("span", {}, slot) };
  });
  const words = html("p", { class: "kd-squeeze-words", role: "status" }, root);
  const showGoal = goal && goalLine(root, `at most ${goal.errors} errors in less than ${kilobytes(goal.bytes)}`);

  function draw() {
    tools();
    setText(tourButton, get("state") === "paused" ? "Resume" : "Tour");
    zeros.set(get("zeros"));
    rank.set(ranks.indexOf(get("rank")));
    coarse.set(bits.indexOf(get("bits")));
    const { bytes, errors, changed, worse, better, how } = get("point");
    const trail = get("trail");
    const at = ([b, e]) => `${figure.x(b).toFixed(1)} ${figure.y(e).toFixed(1)}`;
    line.setAttribute("d", trail.length > 1 ? `M${trail.map(at).join("L")}` : "");
    while (dots.childElementCount > trail.length) dots.lastChild.remove();
    trail.forEach(([b, e, kind], i) => setAttributes(dots.children[i] ?? svg("circle", { r: 3 }, dots), { cx: figure.x(b).toFixed(1), cy: figure.y(e).toFixed(1), class: `kd-squeeze-dot kd-squeeze-${KINDS[kind]}` }));
    setAttributes(here, { cx: figure.x(bytes).toFixed(1), cy: figure.y(Math.max(errors, 1)).toFixed(1), class: `kd-squeeze-here kd-squeeze-${KINDS[how]}` });
    figure.root.setAttribute("aria-label", `errors against bytes: now ${errors} errors in ${kilobytes(bytes)}, D ${first.errors} in ${kilobytes(first.bytes)}`);
    setText(heading, `${changed} answers are not D’s`);
    setText(tally, `${worse} wrong now, ${better} right now, ${changed - worse - better} wrong both times`);
    const flips = get("_flips");
    const { buffer, byteOffset, byteLength } = get("_pictures");
    const pixels = new Uint8Array(buffer, byteOffset, byteLength);
    slots.forEach(({ slot, canvas, words: caption }, i) => {
      slot.style.visibility = i < flips.length ? "" : "hidden";
      if (i >= flips.length) return;
      drawDigit(canvas, pixels.subarray(784 * i));
      const [old, now, truth] = flips[i];
      setText(caption, `${old} → ${now} ${now === truth ? "✓" : "✗"}`);
    });
    const mended = how ? `, mended with ${how === "labels" ? "labels" : "D’s soft answers"}` : "";
    setText(words, `Zeros ${get("zeros")} %, rank ${get("rank") ?? "full"}, ${bitWords(get("bits"))}${mended}: ${errors} errors in ${kilobytes(bytes)}.`);
    if (goal) showGoal(get("reached"), `now ${errors} errors in ${kilobytes(bytes)}`);
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "zeros", "rank", "bits", "point", "trail", "reached", "_flips", "_pictures"], draw);
}

export default { render };
