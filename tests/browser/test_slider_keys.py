"""Every key on every slider of every panel, at both ends: what it controls stays a number within its range.

The keys are pressed in a plain page (plain.py); a panel in Python then hears all that the page has told.
"""

import every_panel
import plain
import pytest

pytestmark = pytest.mark.browser

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


@pytest.fixture
def bare_page(chromium):
    """An empty page; fails on the errors that it reports."""
    page, errors = chromium.new_context(viewport={"width": 1000, "height": 1000}).new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.set_content("<!doctype html><meta charset=utf-8><body>")
    yield page
    page.context.close()
    assert not errors, f"the page reported errors: {errors[:5]}"


@pytest.mark.parametrize("kind", sorted(every_panel.kinds()))
def test_every_key_on_every_slider_at_both_ends(bare_page, kind):
    plain.mount(bare_page, [kind], run=False)
    found = bare_page.locator(f"#{kind} .kd-panel").evaluate(PRESS)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert bool(found) is (kind not in WITHOUT), f"{kind} has {len(found)} sliders: change WITHOUT"

    panel = every_panel.make(kind)
    told = plain.told(bare_page, kind)
    assert bool(told) is bool(found)
    for change in told:  # as the kernel hears it
        panel.set_state(change)
        assert not every_panel.not_numbers(panel), change
