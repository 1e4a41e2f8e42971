"""The script that draws widgets on a page without a kernel."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "book" / "_ext"))
from book_site import widget_script

SHARED = "export function show(el, text) { el.textContent = text; }\n"
COUNTER = """
import { show } from "../shared/page.js";

const step = 1;

function render({ model, el }) {
  const seen = [];
  const draw = () => show(el, `${model.get("count")} after ${seen.length}`);
  const note = () => seen.push(model.get("count"));
  model.on("change:count", note);
  model.on("change", draw);
  el.addEventListener("click", () => {
    model.set("count", model.get("count") + step);
    model.save_changes();
  });
  el.addEventListener("dblclick", () => model.off("change:count", note));
  draw();
}

export default {
  initialize({ model }) {
    model.set("count", model.get("count") * 10);
  },
  render,
};
"""
BROKEN = """
const step = "the same name as in another widget";
export default { render() { throw new Error("on purpose: " + step); } };
"""


@pytest.fixture
def page(tmp_path, visit):
    """A page with a counter that starts at 3, opened from its folder."""
    files = {"shared/page.js": SHARED, "counter/widget.js": COUNTER, "broken/widget.js": BROKEN}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    (tmp_path / "widgets.js").write_text(widget_script(tmp_path))

    def write(*names: str) -> str:
        widgets = "".join(
            f'<pixeledu-widget data-name="{name}"><script type="application/json">{{"count": 3}}'
            f"</script><p>a picture of {name}</p></pixeledu-widget>"
            for name in names
        )
        (tmp_path / "page.html").write_text(
            '<!doctype html><meta charset="utf-8"><script defer src="widgets.js"></script>'
            + widgets
        )
        return visit((tmp_path / "page.html").as_uri())

    return write


def test_a_widget_reads_and_changes_its_model(page):
    widget = page("counter").page.locator("pixeledu-widget > div")
    assert widget.inner_text() == "30 after 0"
    widget.click()
    widget.click()
    assert widget.inner_text() == "32 after 2"
    widget.dispatch_event("dblclick")  # stops counting, goes on drawing
    widget.click()
    assert widget.inner_text() == "33 after 2"


def test_two_widgets_of_one_kind_share_nothing(page):
    widgets = page("counter", "counter").page.locator("pixeledu-widget > div")
    widgets.nth(1).click()
    assert widgets.all_inner_texts() == ["30 after 0", "31 after 1"]


def test_a_widget_that_is_moved_in_the_page_keeps_its_state(page):
    here = page("counter").page
    here.locator("pixeledu-widget > div").click()
    here.evaluate("document.body.prepend(document.querySelector('pixeledu-widget'))")
    assert here.locator("pixeledu-widget > div").inner_text() == "31 after 1"


def test_the_script_leaves_no_name_behind(page):
    here = page("counter").page
    assert here.evaluate("typeof widgets + typeof modelOf + typeof step") == "undefined" * 3


@pytest.mark.parametrize("name", ["broken", "unknown"])
def test_a_widget_that_cannot_be_drawn_keeps_its_fallback_and_says_why(page, name):
    seen = page(name, "counter")
    assert seen.page.locator("pixeledu-widget > div").inner_text() == "30 after 0"
    (message,) = seen.errors
    assert f"The widget {name} cannot be drawn" in message
    assert seen.page.locator("pixeledu-widget").first.inner_text() == f"a picture of {name}"
    seen.errors.clear()  # expected here; the fixture `visit` allows none
