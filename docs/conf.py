"""How Sphinx builds the documentation: `nox -s docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.ext.napoleon.docstring import GoogleDocstring

import genba

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import tables  # noqa: E402  # lies beside this file

tables.write(HERE / "_generated")

project = "genba"
release = version = genba.__version__
copyright = "the genba authors"
html_title = f"genba {release}"
html_theme = "furo"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_generated"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

nitpicky = True
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"


def _as_it_stands(docstring: GoogleDocstring) -> list[str]:
    """The docstring of an attribute: a sentence, in which a colon does not set off a type."""
    return docstring._consume_to_end()


GoogleDocstring._parse_attribute_docstring = _as_it_stands
