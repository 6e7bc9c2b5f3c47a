// What panels that read the reader's own sentences share.

const TYPING = 200; // milliseconds without a key before the sentence is sent

const shortened = (word, most) => (word.length > most ? `${[...word].slice(0, most - 1).join("")}…` : word);

// A field that sends what was typed when the keys rest, and shows another text only while nothing waits to be sent.
function textField(parent, label, onText) {
  const id = newId();
  html("label", { for: id }, parent, label);
  const input = html("input", { type: "text", id, class: "kd-field", spellcheck: "false", autocomplete: "off", maxlength: 1000 }, parent);
  let timer = 0;
  const send = () => { clearTimeout(timer); timer = 0; onText(input.value); };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(send, TYPING); });
  input.addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && send());
  return {
    input,
    set(text) { clearTimeout(timer); timer = 0; if (input.value !== text) input.value = text; },
    show(text) { if (!timer && input.value !== text) input.value = text; },
  };
}

// The field, and a menu of sentences in front of it if there are any. `onText(text)` hears of both.
function sentenceRow(parent, examples, onText) {
  const row = html("div", { class: "kd-row kd-ask" }, parent);
  const names = [...examples.map((text) => shortened(text, 60)), "your own"];
  const ask = (i) => {
    const text = examples[i] ?? "";
    field.set(text);
    if (i === examples.length) field.input.focus();
    onText(text);
  };
  const choice = examples.length ? menu(row, { label: "Sentence", names, onChoose: ask }) : null;
  const field = textField(row, choice ? "or your own" : "Sentence", onText);
  return (sentence) => {
    const at = examples.indexOf(sentence);
    choice?.set(at < 0 ? examples.length : at);
    field.show(sentence);
  };
}
