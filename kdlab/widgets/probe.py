"""ProbePanel: the rows of an environment check, and one more that only a page with a kernel behind it can turn to OK."""

import traitlets as t

from kdlab.widgets.base import Panel, source

ANSWERED = (True, "panels: this page and the kernel answer each other", "")
WAITING = (
    False,
    "panels: no page has answered yet",
    "In JupyterLab this line turns to [OK] by itself, once the kernel is free. If it stays, JupyterLab was started from "
    "another environment: close it, and start it with make lab.",
)
DRAWN = (
    False,
    "panels: this page draws them, and waits for the kernel",
    "It answers once it is free. If this line stays, restart the kernel (menu Kernel) and run the cells again.",
)


class ProbePanel(Panel):
    """Rows of (ok, what, advice); the last one says whether the panel's own view has reached this kernel.

    The kernel can hear of it only after the cell, so that the row changes on the page; `.answered` is True then.
    """

    _esm = source("common.js", "probe.js")
    _css = source("common.css", "probe.css")

    answered = t.Bool(False).tag(sync=True)
    _rows = t.List().tag(sync=True)
    _last = t.List().tag(sync=True)  # the last row on a page: before and after the kernel's answer

    def __init__(self, rows):
        super().__init__(_rows=[list(row) for row in rows], _last=[list(DRAWN), list(ANSWERED)])

    def _handle_custom_msg(self, content, buffers):
        super()._handle_custom_msg(content, buffers)
        self.answered = True  # whatever it says, it has come; and this goes back to the page

    @property
    def row(self):
        """The last row as it is by now."""
        return ANSWERED if self.answered else WAITING

    def figure(self):
        """The rows as a picture, for viewers without a kernel."""
        from kdlab import plots

        return plots.words("\n".join(f"{'[OK]' if ok else '[--]'} {what}" for ok, what, _ in [*self._rows, self.row]))
