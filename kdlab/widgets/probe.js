// ProbePanel: lines as the text form has them. The last one shows a round trip: this view draws, says so, Python answers.

function render({ model, el }) {
  const root = panelRoot(el, "probe", "Check of the environment");
  const list = html("ul", {}, root);
  const write = (line, [ok, what, advice]) => {
    line.dataset.ok = ok;
    line.replaceChildren();
    html("code", {}, line, ok ? "[OK]" : "[--]");
    html("span", {}, line, what);
    if (!ok) html("p", {}, line, advice);
  };
  for (const row of model.get("_rows")) write(html("li", {}, list), row);
  const last = html("li", { role: "status" }, list);
  return drawOnChange(model, root, ["answered"], () => write(last, model.get("_last")[Number(model.get("answered"))]));
}

export default { render };
