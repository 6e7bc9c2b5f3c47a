"""Panels in a page without Jupyter: a host with nothing but their own JavaScript, style and state.

A model of a few lines stands for the kernel: it keeps traits, tells of changes, and notes what it is told; nobody answers.
"""

import base64
import json

import every_panel

MOUNT = """async (given) => {
    class Model {
        constructor(state) { this.state = state; this.handlers = {}; this.told = []; }
        get(name) { return this.state[name]; }
        set(name, value) {
            if (this.state[name] === value) return;
            this.state[name] = value;
            this.told.push(structuredClone({ [name]: value }));
            for (const handler of this.handlers[`change:${name}`] ?? []) handler();
        }
        on(event, handler) { (this.handlers[event] ??= []).push(handler); }
        off(event, handler) { this.handlers[event] = (this.handlers[event] ?? []).filter((other) => other !== handler); }
        save_changes() {}
        send() {}
    }
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    for (const { kind, esm, css, state } of given) {
        document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
        for (const [name, value] of Object.entries(state)) if (value?._base64 !== undefined) state[name] = bytes(value._base64);
        const module = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
        const host = Object.assign(document.createElement("div"), { id: kind, className: "host" });
        document.body.append(host);
        const model = new Model(state);
        (window.models ??= {})[kind] = model;
        await module.default.render({ model, el: host });
    }
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); }"""


def describe(kind, run=True):
    """What a page needs to show a panel of this kind; one with a run has finished it, or (run=False) is about to start."""
    panel = every_panel.make(kind)
    if run and hasattr(panel, "run"):
        panel.run()
    state = {
        name: {"_base64": base64.b64encode(value).decode()} if isinstance(value, bytes | memoryview) else value
        for name, value in panel.get_state().items()
        if not name.startswith(("_model_", "_view_", "_esm", "_css", "_anywidget", "layout", "tabbable", "tooltip"))
    }
    words = json.dumps(state, default=lambda value: value.tolist())
    return {"kind": kind, "esm": panel._esm, "css": panel._css, "state": json.loads(words.replace("NaN", "null"))}


def mount(page, kinds, run=True):
    """Show panels of these kinds, one below the other, each in an element whose id is its kind."""
    page.evaluate(MOUNT, [describe(kind, run) for kind in kinds])


def told(page, kind):
    """The changes of traits, {name: value} each, that a panel's page has told its kernel so far."""
    return page.evaluate("kind => window.models[kind].told", kind)
