// MapPanel: a map whose points move while the student learns, and how often neighbours are of the same digit.

const CHANCE = 0.1;

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "map", "A map drawn from distances alone");
  const labels = get("_labels");
  const spaces = get("_spaces");
  const tools = toolbar(root, model);
  const controls = html("div", { class: "kd-row" }, root);
  const space = menu(controls, { label: "Whose distances?", names: spaces, onChoose: (i) => save(model, { space: spaces[i] }) });
  const digits = checkbox(controls, "show the digits", (on) => save(model, { digits: on }));

  const pair = html("div", { class: "kd-pair kd-map-pair" }, root);
  const map = axes(pair, { title: "Two numbers for each picture", width: 400, height: 412, left: 8, right: 8, top: 24, bottom: 8, xRange: [-1.08, 1.08], yRange: [-1.08, 1.08] });
  map.root.dataset.figure = "map";
  map.setX([-1.08, 1.08], []);
  map.setY([-1.08, 1.08], []);
  const group = svg("g", {}, map.clipped);
  const nodes = labels.map((label) => {
    const dot = svg("circle", { r: 3, class: "kd-place" }, group);
    const text = svg("text", { class: `kd-digit kd-digit-${label}` }, group, String(label));
    return { dot, text };
  });

  const shares = axes(pair, { title: "Nearest picture is the same digit", xLabel: "step", width: 400, height: 412, left: 44, bottom: 36 });
  shares.root.dataset.figure = "shares";
  shares.setY([0, 1], undefined, (mark) => `${short(100 * mark)} %`);
  const line = curve(shares, "distilled");
  const chance = svg("path", { class: "kd-curve kd-chance" }, shares.plot);
  const chanceWords = svg("text", { class: "kd-end kd-label" }, shares.plot, "by chance");
  const last = svg("text", { class: "kd-end kd-last" }, shares.plot);
  const { box } = shares;
  let shownSteps = 0;

  function draw() {
    tools();
    space.set(spaces.indexOf(get("space")));
    digits.set(get("digits"));
    const { buffer, byteOffset, byteLength } = get("_points");
    const places = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    group.classList.toggle("kd-named", get("digits"));
    nodes.forEach(({ dot, text }, i) => {
      const [x, y] = [map.x(places[2 * i]).toFixed(1), map.y(places[2 * i + 1])];
      if (get("digits")) setAttributes(text, { x, y: (y + 4).toFixed(1) });
      else setAttributes(dot, { cx: x, cy: y.toFixed(1) });
    });
    const steps = get("steps");
    if (shownSteps !== steps) shares.setX([0, (shownSteps = steps)]);
    const points = get("shares");
    line(points.map(([step]) => step), points.map(([, share]) => share));
    chance.setAttribute("d", `M${box.x} ${shares.y(CHANCE)}h${box.width}`);
    setAttributes(chanceWords, { x: box.x + box.width - 4, y: shares.y(CHANCE) - 5 });
    setAttributes(last, { x: box.x + box.width - 4, y: box.y + 16 });
    setText(last, points.length ? `${get("_ran")}: ${decimals(100 * points.at(-1)[1], 0)} %` : get("_ran"));
    map.root.setAttribute("aria-label", `map of ${labels.length} pictures, from the distances of ${get("_ran")}`);
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "space", "digits", "shares", "_ran", "_points"], draw);
}

export default { render };
