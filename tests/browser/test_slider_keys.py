"""Every key on every slider of every panel, at both ends: what it controls stays a number within its range."""

from pathlib import Path

import every_panel
import pytest

pytestmark = pytest.mark.browser

SETUP = f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[1])!r})\nimport every_panel"
WITHOUT = {
    "AttentionPanel",
    "BlindTestPanel",
    "DrawPanel",
    "MapPanel",
    "NeighboursPanel",
    "ProbePanel",
    "QuizPanel",
    "SweepPanel",
    "WalkPanel",
}  # no slider

# Keys go to the panel's own handlers, which must leave the browser nothing to do: what it would do is not tested here.
# {name: [what is wrong]} of each slider; after each key the panel has drawn itself.
PRESS = """async (panel) => {
    const drawn = () => new Promise(requestAnimationFrame);
    const keys = ["ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp", "PageDown", "PageUp", "Home", "End"];
    const found = {};
    const all = [...panel.querySelectorAll("input[type=range]:enabled, [role=slider]")];
    // The bars of a figure come out of one loop: its first and its last stand for all.
    const sliders = all.filter((node, i) => { const of = (other) => other?.closest(".kd-figure");
        return !of(node) || of(node) !== of(all[i - 1]) || of(node) !== of(all[i + 1]); });
    for (const [number, node] of sliders.entries()) {
        const native = node.matches("input");
        const limits = native ? [+node.min, +node.max] : ["aria-valuemin", "aria-valuemax"].map((name) => +node.getAttribute(name));
        const read = () => native ? +node.value : node.hasAttribute("aria-valuenow") ? +node.getAttribute("aria-valuenow") : NaN;
        const wrong = found[`${number} ${node.getAttribute("aria-label") ?? node.labels?.[0]?.textContent}`] = [];
        const press = async (key) => {
            const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
            node.dispatchEvent(event);
            await drawn();
            const [value, words] = [read(), node.getAttribute("aria-valuetext") ?? ""];
            if (!event.defaultPrevented) wrong.push(`${key} is left to the browser`);
            if (!(value >= limits[0] && value <= limits[1])) wrong.push(`${key}: ${value} is not within ${limits}`);
            if (/NaN|undefined|Infinity/.test(words)) wrong.push(`${key}: ${words}`);
            return value;
        };
        for (const [i, end] of ["Home", "End"].entries()) {
            let moved = false;
            for (const key of keys) {
                const start = await press(end);
                if (Math.abs(start - limits[i]) > 0.006 * (limits[1] - limits[0])) wrong.push(`${end}: ${start} is not ${limits[i]}`);
                if (key === "Home" || key === "End") continue;
                const after = await press(key);
                moved ||= after !== start;
            }
            if (!moved) wrong.push(`nothing leads away from ${end}`);
        }
    }
    return found; }"""


@pytest.mark.parametrize("kind", sorted(every_panel.kinds()))
def test_every_key_on_every_slider_at_both_ends(open_notebook, kind):
    notebook = open_notebook(SETUP, f"panel = every_panel.make({kind!r})\npanel")
    found = notebook.panel.evaluate(PRESS)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert bool(found) is (kind not in WITHOUT), f"{kind} has {len(found)} sliders: change WITHOUT"
    notebook.wait_python("not every_panel.not_numbers(panel)")
