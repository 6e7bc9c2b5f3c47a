// DraftPanel: the ribbon of a text that a drafter proposes and a teacher judges.

const visible = (text) => text.replaceAll("\n", "↵");

function render({ model, el }) {
  const get = (name) => model.get(name);
  const root = panelRoot(el, "draft", "A drafter writes ahead");
  const tools = toolbar(root, model, { doing: "writing", unit: "character" });
  const settings = html("div", { class: "kd-row" }, root);
  const who = menu(settings, { label: "Drafter", names: get("names"), onChoose: (drafter) => save(model, { drafter }) });
  const ahead = slider(settings, { label: "Characters ahead", min: 1, max: get("_most"), marks: Array.from({ length: get("_most") }, (_, i) => i + 1), onInput: (value) => save(model, { ahead: value }) });

  const ribbon = html("p", { class: "kd-ribbon", role: "group", "aria-label": "the text", tabindex: 0 }, root);
  html("span", { class: "kd-opening" }, ribbon, visible(get("prompt")));
  const key = html("p", { class: "kd-key" }, root);
  for (const [kind, words] of [["kept", "drafted and kept"], ["refused", "drafted, not kept"], ["added", "the teacher’s own"]]) {
    const pair = html("span", { class: "kd-key-pair" }, key);
    html("span", { class: `kd-${kind}` }, pair, "abc");
    html("span", { class: "kd-key-words" }, pair, words);
  }
  const facts = html("div", { class: "kd-facts" }, root);
  const [passes, share] = [html("span", {}, facts), html("span", {}, facts)];

  let drawn = [];
  function draw() {
    tools();
    who.set(get("drafter"));
    ahead.set(get("ahead"));
    const rounds = get("_rounds");
    const grown = drawn.length <= rounds.length && drawn.every((turn, i) => String(turn) === String(rounds[i]));
    if (!grown) while (ribbon.children.length > 1) ribbon.lastChild.remove();
    for (const turn of rounds.slice(grown ? drawn.length : 0)) {
      turn.forEach((text, i) => text && html(i === 1 ? "s" : "span", { class: `kd-${["kept", "refused", "added"][i]}` }, ribbon, visible(text)));
    }
    if (rounds.length !== drawn.length) ribbon.scrollTop = ribbon.scrollHeight;
    drawn = rounds;
    const kept = rounds.reduce((sum, [text]) => sum + text.length, 0);
    const judged = rounds.reduce((sum, [text, refused]) => sum + text.length + (refused.length ? 1 : 0), 0);
    const written = kept + rounds.length;
    setText(passes, rounds.length ? `${written} characters in ${rounds.length} passes of the teacher: ${decimals(written / rounds.length, 2)} a pass` : "no pass of the teacher yet");
    setText(share, judged ? `of the ${judged} characters that it judged it kept ${kept}: ${Math.round((100 * kept) / judged)} %` : "");
    for (const node of [passes, share]) node.title = node.textContent;
  }

  return drawOnChange(model, root, [...LIVE_TRAITS, "ahead", "drafter", "_rounds"], draw);
}

export default { render };
