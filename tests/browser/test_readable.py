"""Every panel can be read: in light and dark, in JupyterLab and in a page without it, at any width.

Panels are mounted once in one plain page (plain.py); one in JupyterLab shows that its themes reach them.
"""

import every_panel
import plain
import pytest

pytestmark = pytest.mark.browser

KINDS = sorted(every_panel.kinds())
SCROLLS = {"DarkKnowledgePanel", "WritingPanel"}  # all their text does not fit at a size for the back row
LEAST_TEXT, LEAST_MARK = 4.5, 3.0  # WCAG's contrasts
# What only helps to read the marks, or is pale to say something: it stands beside marks that stand out.
HELPERS = (
    ".kd-grid, .kd-zero, .kd-frame, .kd-hit, .kd-legend-ground, .kd-here, .kd-now, .kd-truth, .kd-word-hit, .kd-map-hit, "
    ".kd-half, .kd-coin, .kd-turn-line, .kd-none, .kd-few *, .kd-few, .kd-faint-point, .kd-beyond, .kd-moving, .kd-outline, "
    ".kd-ring, .kd-folded, .kd-shade-step, .kd-hatch-ground, clipPath *, pattern *, .kd-cell rect, .kd-heat *, .kd-all-runs, .kd-links, "
    ".kd-halo, .kd-slot-here, .kd-web, .kd-barred, .kd-shut path, .kd-way-pulse, .kd-field-lines, "
    ".kd-squeeze-goal, .kd-squeeze-line"
)

# WCAG's contrast of all text and of all marks of a panel with what they stand on, in the pixels where they stand.
CONTRASTS = """(panel, helpers) => {
    const parse = (css) => { const [r, g, b, a = 1] = (css.match(/[\\d.]+(?:e-?\\d+)?/g) ?? [0, 0, 0, 0]).map(Number);
        return css.startsWith("color(srgb") ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a]; };
    const over = ([r, g, b, a], below) => [r, g, b].map((part, i) => a * part + (1 - a) * below[i]);
    const light = (color) => color.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
    const opacity = (node) => { let all = 1; for (; node && node !== panel.parentElement; node = node.parentElement) all *= getComputedStyle(node).opacity; return all; };
    const faded = (css, node, extra = 1) => { const color = parse(css); color[3] *= extra * opacity(node); return color; };
    const ground = parse(getComputedStyle(panel).backgroundColor);
    if (ground[3] !== 1) return { wrong: ["the panel has no ground of its own"], texts: 0, marks: 0 };
    const painted = (node) => {
        const style = getComputedStyle(node);
        if (!(node instanceof SVGElement)) return faded(style.backgroundColor, node);
        return node instanceof SVGGeometryElement && style.fill.startsWith("rgb") || style.fill.startsWith("color(") ? faded(style.fill, node, style.fillOpacity) : [0, 0, 0, 0];
    };
    const below = (node, x, y) => document.elementsFromPoint(x, y)
        .filter((other) => other.contains(node) || other.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING)
        .reverse().reduce((color, other) => over(painted(other), color), ground);

    const wrong = [];
    let [texts, marks] = [0, 0];
    const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
    const judge = (node, words, box) => {
        const style = getComputedStyle(node);
        const drawn = node instanceof SVGElement;
        texts += 1;
        for (const share of [0.15, 0.5, 0.85]) {
            const [x, y] = [box.left + share * box.width, box.top + box.height / 2];
            const halo = drawn && style.paintOrder.startsWith("stroke") && style.stroke !== "none";
            const ground = halo ? parse(style.stroke) : below(node, x, y);
            const found = contrast(over(drawn ? faded(style.fill, node, style.fillOpacity) : faded(style.color, node), ground), ground);
            if (found < 4.5) { wrong.push(`text ${words.slice(0, 30)} (${node.getAttribute("class") ?? node.tagName}): ${found.toFixed(2)}`); break; }
        }
    };
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement;
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        const box = range.getBoundingClientRect();
        if (!walker.data?.trim() && !walker.currentNode.data.trim()) continue;
        if (node.closest("option, title, desc, :disabled, [aria-disabled=true]") || !node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || !box.width) continue;
        judge(node, walker.currentNode.data, box);
    }
    for (const field of panel.querySelectorAll("input[type=text], select")) if (field.checkVisibility()) judge(field, field.value, field.getBoundingClientRect());

    for (const node of panel.querySelectorAll("svg :is(path, rect, circle, line)")) {
        const style = getComputedStyle(node);
        const box = node.getBoundingClientRect();
        if (node.matches(helpers) || style.visibility === "hidden" || !node.checkVisibility() || box.width + box.height < 1) continue;
        const paints = [[style.fill, style.fillOpacity], [style.stroke, style.strokeOpacity]].filter(([paint]) => /^(rgb|color)/.test(paint));
        const found = Math.max(...paints.map(([paint, extra]) => contrast(over(faded(paint, node, extra), ground), ground)));
        if (!paints.length) continue;
        marks += 1;
        if (found < 3) wrong.push(`mark ${node.tagName} ${node.getAttribute("class")} in ${node.parentElement.getAttribute("class")}: ${found.toFixed(2)}`);
    }
    return { wrong: [...new Set(wrong)], texts, marks }; }"""

# Sizes of text in pixels, what leaves the panel, and what is cut: words in boxes that hide what does not fit.
SIZES = """(panel) => {
    const [small, outside, cut] = [new Set(), new Set(), new Set()];
    const edge = panel.getBoundingClientRect();
    for (const node of panel.querySelectorAll("*")) {
        const words = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data.trim()).join("");
        if (!words || node.closest("title, desc, option") || !node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        const figure = node.ownerSVGElement;
        const size = parseFloat(getComputedStyle(node).fontSize) * (figure ? figure.getBoundingClientRect().width / figure.viewBox.baseVal.width : 1);
        if (size < 10.8 || size > 18.5) small.add(`${words.slice(0, 24)} (${node.getAttribute("class")}): ${size.toFixed(1)} px`);
        const box = node.getBoundingClientRect();
        if (box.width && (box.left < edge.left - 1 || box.right > edge.right + 1)) outside.add(`${words.slice(0, 24)} (${node.getAttribute("class")})`);
        const style = getComputedStyle(node);
        if (!figure && style.overflowX !== "visible" && (node.scrollWidth > node.clientWidth + 1 || style.overflowY === "hidden" && node.scrollHeight > node.clientHeight + 3))
            cut.add(words.slice(0, 50));
    }
    return { small: [...small], outside: [...outside], cut: [...cut], wide: panel.scrollWidth - panel.clientWidth }; }"""

HIT_ALL = "* { pointer-events: auto !important } svg * { pointer-events: visiblePainted !important }"


@pytest.fixture(scope="module")
def plain_page(chromium):
    """A page with every panel, each in an element whose id is its kind."""
    page = chromium.new_context(viewport={"width": 1000, "height": 1600}).new_page()
    page.set_content("<!doctype html><meta charset=utf-8><body>")
    plain.mount(page, KINDS)
    yield page
    page.context.close()


def each(page, script, argument=None):
    """{kind: what the script says of its panel}, with each panel alone on the page."""
    found = {kind: alone(page, kind).evaluate(script, argument) for kind in KINDS}
    page.evaluate("() => document.querySelectorAll('.host').forEach((host) => (host.hidden = false))")
    return found


def alone(page, kind):
    """The panel of this kind; all others are hidden."""
    page.evaluate("kind => document.querySelectorAll('.host').forEach((h) => (h.hidden = h.id !== kind))", kind)
    return page.locator(f"#{kind} .kd-panel")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_and_all_marks_stand_out(plain_page, theme):
    plain_page.emulate_media(color_scheme=theme)
    style = plain_page.add_style_tag(content=HIT_ALL)
    found = each(plain_page, CONTRASTS, HELPERS)
    style.evaluate("node => node.remove()")
    wrong = [f"{kind}: {words}" for kind, one in found.items() for words in one["wrong"]]
    assert not wrong, "\n".join(wrong)
    assert all(one["texts"] for one in found.values()) and sum(one["marks"] for one in found.values()) > 300


@pytest.mark.parametrize("width", [480, 640, 760, 844, 1000, 1280, 1800])
def test_text_keeps_its_size_at_any_width_and_is_not_cut(plain_page, width):
    plain_page.set_viewport_size({"width": width + 16, "height": 1600})
    plain_page.wait_for_timeout(0)
    found = each(plain_page, SIZES)
    wrong = [
        f"{kind}: {what}: {word}" for kind, one in found.items() for what in ("small", "outside") for word in one[what]
    ]
    wrong += [f"{kind} is {one['wide']} px too wide" for kind, one in found.items() if one["wide"] > 0]
    wrong += [f"{kind}: cut: {words}" for kind, one in found.items() for words in one["cut"] if width >= 844]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("width, height", [(1920, 1080), (960, 540)])  # the second is the first at 200 %
def test_presentation_fills_the_window_and_gives_it_back(plain_page, width, height):
    plain_page.set_viewport_size({"width": width, "height": height})
    for kind in KINDS:
        panel = alone(plain_page, kind)
        before = panel.bounding_box()
        button = panel.get_by_role("button", name="Presentation")
        if kind == "ProbePanel":  # lines of text: there is nothing to present
            assert button.count() == 0
            continue
        button.click()
        box = panel.bounding_box()
        assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, width, height), kind
        found = panel.evaluate(SIZES)
        assert not found["outside"] and found["wide"] <= 0, (kind, found)
        zoom = float(panel.evaluate("p => p.style.zoom"))
        assert zoom >= 1.2
        assert height < 1000 or zoom >= 1.5, kind
        assert height < 1000 or kind in SCROLLS or panel.evaluate("p => p.scrollHeight <= p.clientHeight"), kind
        plain_page.keyboard.press("Escape")
        assert panel.bounding_box() == before and button.get_attribute("aria-pressed") == "false", kind
        assert button.evaluate("node => node === document.activeElement")
