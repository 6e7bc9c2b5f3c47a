"""A lesson's page in Chromium without a network: nothing is asked for, and all is there."""

import pytest

from kdlab import course, pages

pytestmark = pytest.mark.browser


def test_a_page_is_whole_without_a_network(chromium, tmp_path):
    (path,) = pages.export_pages([course.written_lessons()["00"]], tmp_path / "pages")
    asked, said = [], []
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri(), wait_until="load")
    images = page.locator("img")
    assert images.count() >= 1
    for image in images.all():
        assert image.evaluate(
            "i => i.decode().then(() => i.naturalWidth > 100 && i.getBoundingClientRect().width > 100)"
        )
        assert len(image.get_attribute("alt")) > 5
    formulas = page.locator("math")
    assert formulas.count() >= 1
    for formula in formulas.all():
        assert formula.evaluate(
            "m => m.getBoundingClientRect().width > 5 && getComputedStyle(m).display.includes('math')"
        )
    assert page.evaluate("document.body.innerText.match(/\\$[^$\\n]+\\$/)") is None
    context.close()
    outside = [url for url in asked if not url.startswith(("data:", path.parent.as_uri()))]
    assert (outside, said) == ([], [])
