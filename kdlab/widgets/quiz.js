// QuizPanel: each option answers in words. A wrong choice can be changed: the point is to find out why.

function render({ model, el }) {
  const root = panelRoot(el, "quiz", "Quiz");
  const views = model.get("questions").map(({ text, options }, number) => {
    const group = newId();
    const box = html("fieldset", {}, root);
    write(html("legend", {}, box), `${number + 1}. ${text}`);
    const inputs = options.map(([words], i) => {
      const label = html("label", { class: "kd-option" }, box);
      const input = html("input", { type: "radio", name: group }, label);
      write(html("span", {}, label), words);
      input.addEventListener("change", () => save(model, { chosen: model.get("chosen").with(number, i) }));
      return input;
    });
    const feedback = html("p", { class: "kd-feedback", role: "status" }, box);
    return { options, inputs, feedback };
  });
  const score = html("p", { class: "kd-score", role: "status" }, root);

  const draw = () => {
    let right = 0;
    views.forEach(({ options, inputs, feedback }, number) => {
      const chosen = model.get("chosen")[number];
      inputs.forEach((input, i) => (input.checked = i === chosen));
      feedback.classList.toggle("kd-right", chosen >= 0 && options[chosen][2]);
      feedback.classList.toggle("kd-wrong", chosen >= 0 && !options[chosen][2]);
      write(feedback, chosen < 0 ? "" : `${options[chosen][2] ? "✔" : "✘"} ${options[chosen][1]}`);
      right += chosen >= 0 && options[chosen][2];
    });
    setText(score, `${right} of ${views.length} right`);
  };
  return drawOnChange(model, root, ["chosen"], draw);
}

// A text in which *stars* set words apart and `ticks` set code apart.
function write(node, text) {
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  node.replaceChildren(...text.split(/(\*[^*\s][^*]*\*|`[^`]+`)/).map((part) => {
    const tag = /^\*.+\*$/.test(part) ? "em" : /^`.+`$/.test(part) ? "code" : null;
    return tag ? html(tag, {}, null, part.slice(1, -1)) : document.createTextNode(part);
  }));
}

export default { render };
