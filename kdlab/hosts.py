"""Who has sent the cell that works now: a page on which a person reads, or a program that keeps what comes out."""

import sys


def on_a_page():
    """Whether a page has sent the cell that works now: JupyterLab and its kin name the cell, programs do not."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(shell, "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent().get("metadata", {})
