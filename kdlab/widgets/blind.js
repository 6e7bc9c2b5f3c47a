// BlindTestPanel: two texts without names. What is right comes from Python, after the answer.

const ANSWERS = [["left", "◂ Left", "ArrowLeft"], ["cannot tell", "Cannot tell", "ArrowDown"], ["right", "Right ▸", "ArrowRight"]];

const share = (p) => `${Math.round(100 * p)} %`;
const chanceWords = (p) => (p < 0.001 ? "less than 0.1 %" : p < 0.1 ? `${decimals(100 * p, 1)} %` : share(p));

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "blind", "A blind test of two texts");
  const [lines, narrow, prompt, promptNarrow] = get("_lines");
  root.style.cssText = `--wide: ${lines}; --narrow: ${narrow}; --prompt: ${prompt}; --prompt-narrow: ${promptNarrow}`;

  const top = html("div", { class: "kd-top" }, root);
  const count = html("b", { role: "status" }, top);
  const marks = html("span", { class: "kd-marks-row", "aria-hidden": "true" }, top);
  const again = button(top, "Restart", () => tell(model, { request: "restart" }), { title: "another order, other sides" });

  const place = html("div", { class: "kd-place" }, root);
  const stage = html("div", { class: "kd-stage", tabindex: 0, role: "group", "aria-label": "the question" }, place);
  const question = html("p", { class: "kd-question" }, stage);
  const asked = html("p", { class: "kd-asked" }, stage);
  const texts = html("div", { class: "kd-texts" }, stage);
  const boxes = Object.fromEntries(["left", "right"].map((side) => [side, textBox(texts, side)]));
  const row = html("div", { class: "kd-choices" }, stage);
  const number = () => get("_shown").number ?? -1;
  const waiting = () => Boolean(get("_shown").asked && !get("_verdict").said);
  const say = (value) => waiting() && tell(model, { request: "answer", value, number: number() });
  const buttons = ANSWERS.map(([value, words, key]) => {
    const node = button(row, words, () => say(value));
    node.setAttribute("aria-keyshortcuts", key);
    return { value, node };
  });
  const foot = html("div", { class: "kd-verdict" }, stage);
  const verdict = html("span", { role: "status" }, foot);
  const go = button(foot, "Next", () => get("_verdict").said && tell(model, { request: "next", number: number() }));

  stage.addEventListener("keydown", (event) => {
    const found = ANSWERS.find(([, , key]) => key === event.key);
    const scrolls = event.key === "ArrowDown" && event.target.scrollHeight > event.target.clientHeight + 1 && event.target.closest(".kd-text");
    if (!found || scrolls || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    say(found[0]);
  });

  const end = html("div", { class: "kd-end-page" }, place);
  const result = resultPage(end);

  let drawn = "";
  function draw() {
    const [shown, said, outcome, of] = [get("_shown"), get("_verdict"), get("_result"), get("_of")];
    const over = !shown.asked;
    setText(count, over ? `All ${of} pairs are done` : `Pair ${shown.number + 1} of ${of}`);
    marks.replaceChildren(...get("_marks").map((right) => html("span", { "data-right": String(right) }, null, right === true ? "✓" : right === false ? "✗" : right === null ? "?" : "●")));
    stage.style.visibility = over ? "hidden" : "";
    end.style.visibility = over ? "" : "hidden";
    if (over) result(outcome, get("round"));
    else {
      setText(question, `Which text did the ${shown.asked} write?`);
      setText(asked, shown.prompt);
      for (const side of ["left", "right"]) boxes[side](shown[side], said[side] ?? "", said[side] === shown.asked);
      for (const { value, node } of buttons) {
        node.setAttribute("aria-disabled", !waiting());
        node.setAttribute("aria-pressed", said.said === value);
      }
      setText(verdict, verdictWords(said, shown.asked));
      foot.dataset.right = String(said.correct);
      go.style.visibility = said.said ? "" : "hidden";
      setText(go, shown.number + 1 === of ? "Result" : "Next");
    }
    moveFocus(over, said.said);
  }

  // Whoever answers by the keyboard goes on by the keyboard: to "Next", and back to the question.
  function moveFocus(over, said) {
    const state = `${get("round")} ${number()} ${said} ${over}`;
    if (drawn && drawn !== state && root.contains(document.activeElement) && document.activeElement !== again) {
      (over ? again : said ? go : stage).focus({ preventScroll: true });
    }
    drawn = state;
  }

  return drawOnChange(model, root, ["round", "_of", "_shown", "_verdict", "_marks", "_result"], draw);
}

function verdictWords({ said, correct, left, right }, asked) {
  if (!said) return "";
  const [mine, theirs, other] = left === asked ? ["left", "right", right] : ["right", "left", left];
  const truth = `the ${asked} wrote the ${mine} one (${theirs}: ${other}).`;
  return correct === null ? `T${truth.slice(1)}` : `${correct ? "✓ Right" : "✗ Wrong"}: ${truth}`;
}

// One text. Its source stands above it as soon as it is known.
function textBox(parent, side) {
  const box = html("div", { class: "kd-text-side" }, parent);
  const head = html("div", { class: "kd-text-head" }, box);
  html("b", {}, head, side);
  const source = html("span", {}, head);
  const text = html("div", { class: "kd-text", tabindex: 0, role: "region", "aria-label": `the ${side} text` }, box);
  return (words, name, asked) => {
    if (text.textContent !== words) {
      text.textContent = words;
      text.scrollTop = 0;
    }
    setText(source, name);
    box.classList.toggle("kd-asked-for", asked);
  };
}

// The score, what guessing would give, and all answers.
function resultPage(parent) {
  const title = html("p", { class: "kd-score" }, parent);
  const scale = intervalFigure(parent);
  const facts = html("div", { class: "kd-say" }, parent);
  const details = html("details", {}, parent);
  html("summary", {}, details, "all answers");
  const list = html("ol", {}, details);
  let shown = null;
  return (outcome, round) => {
    if (!outcome.score || shown === outcome) return;
    shown = outcome;
    const { score, by, answers } = outcome;
    setText(title, `${score.right} of ${score.of} right${score["cannot tell"] ? `, ${score["cannot tell"]} × “cannot tell”` : ""}`);
    scale(score);
    const words = score.of ? guessWords(score) : ["Without a single choice there is nothing to compare with guessing."];
    for (const [name, part] of by) words.push(`Against “${name}”: ${part.right} of ${part.of}${part.of ? `, by guessing ${chanceWords(part.chance)}` : ""}.`);
    if (round > 1) words.push(`Round ${round}: you have seen these texts before, so this is no longer a blind test.`);
    facts.replaceChildren(...words.map((text) => html("p", {}, null, text)));
    list.replaceChildren(...answers.map(({ prompt, left, right, said, correct }) =>
      html("li", {}, null, `${correct === null ? "?" : correct ? "✓" : "✗"} you said ${said}; left ${left}, right ${right}: ${prompt}`)));
  };
}

function guessWords({ right, of, interval: [low, high], chance }) {
  const includes = low <= 0.5 && high >= 0.5;
  return [
    `Someone who only guesses gets ${right} or more of ${of} right with a probability of ${chanceWords(chance)}.`,
    `95 % interval for your share of right answers: ${share(low)} to ${share(high)}. ${includes ? "Guessing, 50 %, lies in it: this round does not show that you can tell." : low > 0.5 ? "Guessing, 50 %, lies below it: you can tell." : "Guessing, 50 %, lies above it: you can tell, and take one for the other."}`,
  ];
}

// The share of right answers with its interval, beside what guessing gives.
function intervalFigure(parent) {
  const figure = axes(parent, { width: 520, height: 84, left: 20, right: 20, top: 12, bottom: 40, label: "share of right answers", xLabel: "share of right answers", yRange: [0, 1] });
  figure.setY([0, 1], []);
  figure.setX([0, 1], [0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %: guessing", "75 %", "100 %"]);
  const [top, middle, bottom] = [1, 0.5, 0].map(figure.y);
  svg("path", { d: `M${figure.x(0.5)} ${top}V${bottom}`, class: "kd-guess" }, figure.plot);
  const bar = svg("path", { class: "kd-interval" }, figure.plot);
  const dot = svg("circle", { class: "kd-share", r: 5.5, cy: middle }, figure.plot);
  return ({ share: value, interval }) => {
    for (const node of [bar, dot]) node.setAttribute("visibility", interval ? "visible" : "hidden");
    if (!interval) return;
    const [low, high] = interval.map(figure.x);
    bar.setAttribute("d", `M${low} ${middle - 7}v14m0 -7H${high}m0 -7v14`);
    dot.setAttribute("cx", figure.x(value));
  };
}

export default { render };
