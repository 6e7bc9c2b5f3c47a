// SeedsPanel: n seeds for each of two methods. Python draws (its generator is seeded); all else is done here.

const PLACES = [0.31, 0.69]; // of the two methods, in the plot of one draw

// Wilson's 95 % interval of a share.
function interval(count, of) {
  const z = 1.96;
  const p = count / of;
  const middle = (p + (z * z) / (2 * of)) / (1 + (z * z) / of);
  const half = (z / (1 + (z * z) / of)) * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of));
  return [middle - half, middle + half];
}

const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// Standard deviation of first - second: for the same seeds, or for all pairs of seeds.
function spreadOfDifference([first, second], paired) {
  const variance = (values) => average(values.map((v) => v * v)) - average(values) ** 2;
  return Math.sqrt(paired ? variance(first.map((v, i) => v - second[i])) : variance(first) + variance(second));
}

// Hard labels and the distilled student keep the colours that they have in every panel; the other arm takes the other.
const kindsOf = (arms) => (arms[0] === "hard labels" || arms[1] === "distilled" ? ["hard", "distilled"] : ["distilled", "hard"]);

function render({ model, el }) {
  const get = (name) => model.get(name);
  const [arms, values, most, lower, guessAt] = ["arms", "_values", "most", "lower_is_better", "guess_at"].map(get);
  const count = values[0].length;
  const worse = arms.indexOf(get("worse"));
  const root = panelRoot(el, "seeds", "How often does the worse method win?");
  const kinds = kindsOf(arms);
  const all = values.flat();
  const digits = all.every(Number.isInteger) ? 1 : clamp(3 - Math.floor(Math.log10(Math.max(...all) - Math.min(...all))), 0, 5);
  const number = (value) => decimals(value, digits);

  // One draw: the seeds of both methods as dots, their means as bars, all recorded runs as ticks beside them.
  const pair = html("div", { class: "kd-pair" }, root);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = 0.05 * (high - low);
  const sample = axes(pair, { label: "this draw", height: 290, left: 46, bottom: 42, yRange: [low - room, high + room], xTicks: PLACES, xNames: arms,
                              xLabel: `gray: all ${count} recorded runs` });
  sample.setY([low - room, high + room], ticks(low, high, 5));
  sample.root.dataset.figure = "draw";
  const allTicks = svg("path", { class: "kd-all-runs" }, sample.plot);
  allTicks.setAttribute("d", values.map((row, arm) => row.map((v) => `M${sample.x(arm ? 0.96 : 0.005)} ${sample.y(v).toFixed(1)}h${0.035 * sample.box.width}`).join("")).join(""));
  const links = svg("path", { class: "kd-links" }, sample.plot);
  const groups = arms.map((_, arm) => {
    const dots = svg("g", { class: `kd-dots kd-${kinds[arm]}` }, sample.plot);
    const circles = Array.from({ length: most }, () => svg("circle", { r: 4 }, dots));
    const bar = svg("path", { class: `kd-mean kd-${kinds[arm]}` }, sample.plot);
    const text = svg("text", { class: `kd-mean-text ${arm ? "kd-start" : "kd-end"}`, x: sample.x(PLACES[arm] + (arm ? 0.11 : -0.11)) }, sample.plot);
    return { circles, bar, text };
  });

  // The tally: the share of draws that the worse method has won, against n.
  const board = axes(pair, { title: `Draws won by ${get("worse")} (worse)`, label: "tally", height: 290, left: 46, bottom: 42, xLabel: "n, seeds for each method",
                             xRange: [0.4, most + 0.6], xTicks: ticks(1, most, 4).filter((n) => n > 1).concat(1), yRange: [0, 1], yFormat: (m) => `${Math.round(100 * m)} %` });
  board.setY([0, 1], [0, 0.25, 0.5, 0.75, 1]);
  board.root.dataset.figure = "tally";
  svg("path", { class: "kd-coin", d: `M${board.box.x} ${board.y(0.5)}h${board.box.width}` }, board.plot);
  svg("text", { class: "kd-tick kd-end", x: board.box.x + board.box.width - 4, y: board.y(0.5) - 5 }, board.plot, "a coin toss");
  const exact = ["kd-apart", "kd-same"].map((name) => svg("path", { class: `kd-exact ${name}` }, board.clipped));
  const column = svg("rect", { class: "kd-now", y: board.box.y, height: board.box.height, width: board.box.width / (most + 0.2) }, board.plot);
  const points = svg("g", { class: "kd-points" }, board.plot);
  const guessed = svg("path", { class: "kd-guess" }, board.plot);
  const key = svg("g", { class: "kd-legend" }, board.root);
  const right = board.box.x + board.box.width - 130;
  ["different seeds", "same seeds", "your guess"].forEach((words, i) => {
    const y = board.box.y + 12 + 17 * i;
    if (i < 2) {
      const line = svg("path", { class: `kd-exact ${i ? "kd-same" : "kd-apart"}`, d: `M${right} ${y}h28` }, key);
      exact[i].twin = line;
      svg("circle", { class: `kd-point ${i ? "kd-same" : "kd-apart"}`, cx: right + 14, cy: y, r: 4.2 }, key);
    } else svg("path", { class: "kd-guess", d: diamond(right + 14, y) }, key);
    svg("text", { class: "kd-start", x: right + 36, y: y + 4 }, key, words);
  });

  const row = html("div", { class: "kd-row" }, root);
  const size = slider(row, { label: "Seeds for each method, n", min: 1, max: most, format: String, marks: ticks(1, most, 4).filter((n) => n > 1).concat(1), onInput: (n) => save(model, { n }) });
  const same = checkbox(row, "same seeds for both", (paired) => save(model, { paired }));
  const tools = html("div", { class: "kd-row" }, root);
  const draw = (times) => tell(model, { request: "draw", times });
  button(tools, "Draw again", () => draw(1)).classList.add("kd-go");
  button(tools, "Draw 100 times", () => draw(100));
  const forget = button(tools, "Forget", () => get("_tally").length && tell(model, { request: "forget" }), { title: "an empty tally" });
  const counted = html("span", { class: "kd-counted", role: "status" }, tools);

  const bet = html("div", { class: "kd-row" }, root);
  const wager = slider(bet, {
    label: `Your guess: the worse wins at n = ${guessAt} in`, min: 0, max: 100, marks: [0, 25, 50, 75, 100],
    format: (v) => (get("guess") === null ? "?" : `${v} %`), onInput: (v) => save(model, { guess: v / 100 }),
  });
  const canReveal = () => !get("revealed") && get("guess") !== null && get("_tally").length > 0;
  const reveal = button(bet, "Show exact curve", () => canReveal() && tell(model, { request: "reveal" }));

  const lines = html("div", { class: "kd-lines" }, root);
  const [outcome, answer, effect] = [0, 1, 2].map(() => html("p", {}, lines));
  outcome.setAttribute("role", "status");
  html("p", { class: "kd-hint-line" }, lines, `A draw picks n of the ${count} recorded seeds for each method, at random; one may come twice. A tie is no win.`);

  const drawSample = () => {
    const [n, paired, drawn] = [get("n"), get("paired"), get("_drawn")];
    const seeds = [drawn[0].slice(0, n), drawn[paired ? 0 : 1].slice(0, n)];
    const spots = groups.map(({ circles, bar, text }, arm) => {
      const at = seeds[arm].map((seed, k) => [sample.x(PLACES[arm] + 0.11 * (((k * 0.618) % 1) - (n > 1 ? 0.5 : 0))), sample.y(values[arm][seed])]);
      circles.forEach((circle, k) => setAttributes(circle, k < n ? { cx: at[k][0].toFixed(1), cy: at[k][1].toFixed(1), visibility: "visible" } : { visibility: "hidden" }));
      const mean = average(seeds[arm].map((seed) => values[arm][seed]));
      const y = sample.y(mean);
      bar.setAttribute("d", `M${sample.x(PLACES[arm] - 0.1)} ${y}h${0.2 * sample.box.width}`);
      text.setAttribute("y", y + 4);
      setText(text, number(mean));
      return { at, mean };
    });
    const pairs = paired ? spots[0].at.map(([x, y], k) => `M${x.toFixed(1)} ${y.toFixed(1)}L${spots[1].at[k].map((v) => v.toFixed(1)).join(" ")}`) : [];
    links.setAttribute("d", pairs.join(""));
    const [first, second] = spots.map(({ mean }) => mean);
    const tie = Math.abs(first - second) < 1e-9;
    const winner = first < second === lower ? 0 : 1;
    sample.setTitle(`One draw, n = ${n}: ${tie ? "a tie" : `${arms[winner]} ${winner === worse ? "wins ✗" : "wins"}`}`);
    const truth = `over all ${count} seeds it is ${number(average(values[1 - worse]))} ${get("measure")} against ${number(average(values[worse]))}`;
    const verdict = tie ? "A tie" : `${arms[winner]} wins by ${number(Math.abs(first - second))}${winner === worse ? ", and is the worse method" : ""}`;
    setText(outcome, `${verdict}; ${arms[1 - worse]} is better: ${truth}.`);
  };

  const drawTally = () => {
    const tally = get("_tally");
    points.replaceChildren();
    for (const [n, paired, draws, won] of tally) {
      const x = board.x(n + (paired ? 0.14 : -0.14));
      const [from, to] = interval(won, draws);
      svg("path", { class: "kd-interval", d: `M${x} ${board.y(from)}V${board.y(to)}` }, points);
      svg("circle", { class: `kd-point ${paired ? "kd-same" : "kd-apart"}`, cx: x, cy: board.y(won / draws), r: 4.2 }, points);
    }
    const curves = get("revealed") ? get("_curves") : [[], []];
    curves.forEach((shares, i) => exact[i].setAttribute("d", shares.map((p, k) => `${k ? "L" : "M"}${board.x(k + 1).toFixed(1)} ${board.y(p).toFixed(1)}`).join("")));
    for (const path of exact) path.twin.setAttribute("visibility", get("revealed") ? "visible" : "hidden");
    guessed.setAttribute("d", get("guess") === null ? "" : diamond(board.x(guessAt), board.y(get("guess"))));
    column.setAttribute("x", board.x(get("n")) - column.getAttribute("width") / 2);
    const here = tally.find(([n, paired]) => n === get("n") && paired === get("paired"));
    const kind = get("paired") ? "same seeds" : "different seeds";
    setText(counted, here ? `n = ${here[0]}: the worse won ${here[3]} of ${here[2]} (${percent(here[3] / here[2])})` : `n = ${get("n")}, ${kind}: no draws yet`);
  };

  function drawWords() {
    const [apart, together] = [false, true].map((paired) => spreadOfDifference(values, paired));
    setText(effect, `Between two single runs the difference has the standard deviation ${number(apart)} with different seeds, ${number(together)} with the same seeds.`);
    if (get("revealed")) {
      const [a, b] = get("_curves").map((shares) => percent(shares[guessAt - 1]));
      setText(answer, `Exact at n = ${guessAt}: ${a} with different seeds, ${b} with the same seeds.${get("guess") === null ? "" : ` Your guess: ${percent(get("guess"))}.`}`);
    } else setText(answer, canReveal() ? "Now look whether your guess was right." : "Guess, and draw a few times at several n: then the exact curve opens.");
  }

  function drawAll() {
    drawSample();
    drawTally();
    drawWords();
    size.set(get("n"));
    same.set(get("paired"));
    wager.set(get("guess") === null ? 50 : Math.round(100 * get("guess")));
    wager.disable(get("revealed"));
    reveal.setAttribute("aria-disabled", !canReveal());
    forget.setAttribute("aria-disabled", !get("_tally").length);
  }

  return drawOnChange(model, root, ["n", "paired", "guess", "revealed", "_drawn", "_tally", "_curves"], drawAll);
}

const diamond = (x, y) => `M${x} ${y - 6}L${x + 6} ${y}L${x} ${y + 6}L${x - 6} ${y}Z`;

export default { render };
