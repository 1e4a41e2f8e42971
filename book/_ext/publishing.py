"""What a published site needs around its pages: its address, previews of links, a map, a page for what is missing."""

import html
import textwrap
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import escape

from chapter_pictures import preview_picture
from docutils import nodes
from sphinx.application import Sphinx

BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")
PREVIEW = "_static/preview.png"
STAND_ALONE = {"index", "404", "offline"}  # pages that no reader looks for


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", _set_address)
    app.connect("doctree-read", _drop_dead_links)
    app.connect("html-page-context", _describe)
    app.connect("build-finished", _write_what_hosts_read)
    return {"version": "1", "parallel_read_safe": True}


def repository(config) -> str | None:
    """The repository's address, or None while it is the placeholder, which leads nowhere."""
    url = config.html_theme_options["repository_url"].rstrip("/")
    owner = url.split("/")[-2]
    return url if len(owner) < 40 else None  # the placeholder is longer than GitHub allows


def _set_address(app: Sphinx, config) -> None:
    """Say where the pages will be published (GitHub Pages); without an address draw no links to it."""
    url = repository(config)
    if url is None:
        options = dict.fromkeys(BUTTONS, False) | {"launch_buttons": {}}
        config.html_theme_options = {**config.html_theme_options, **options}
        return
    owner, name = url.split("/")[-2:]
    config.html_baseurl = f"https://{owner.lower()}.github.io/{name}/"


def _drop_dead_links(app: Sphinx, doctree: nodes.document) -> None:
    """Without an address, leave only the words of a link to the project."""
    if repository(app.config) is not None:
        return
    placeholder = app.config.html_theme_options["repository_url"].split("/")[-2]
    for link in list(doctree.findall(nodes.reference)):
        if f"/{placeholder}/" in link.get("refuri", ""):
            words = f"{link.astext()} (where this book is published)"
            link.replace_self(nodes.inline("", words))


def _describe(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Give a page its first paragraph as description, for search engines and previews of links."""
    first = next(doctree.findall(nodes.paragraph), None) if doctree else None
    text = first.astext() if first else app.config.html_title
    text = textwrap.shorten(text, 180, placeholder=" …")
    tags = [("name", "description", text)]
    base = app.config.html_baseurl
    context["base_path"] = urlsplit(base).path  # where 404.html, shown at any depth, finds the site
    if base and pagename not in STAND_ALONE:
        titles = app.env.titles
        title = titles[pagename].astext() if pagename in titles else app.config.html_title
        tags += [
            ("property", "og:type", "article" if doctree else "website"),
            ("property", "og:title", title),
            ("property", "og:site_name", app.config.html_title),
            ("property", "og:description", text),
            ("property", "og:url", urljoin(base, app.builder.get_target_uri(pagename))),
            ("property", "og:image", urljoin(base, PREVIEW)),
            ("property", "og:image:alt", "The top of a digit, and sixteen ways to complete it"),
            ("name", "twitter:card", "summary_large_image"),
        ]
    meta = "".join(
        f'\n<meta {kind}="{name}" content="{html.escape(content)}" />'
        for kind, name, content in tags
    )
    context["metatags"] = context.get("metatags", "") + meta


def _write_what_hosts_read(app: Sphinx, failure: Exception | None) -> None:
    """Write the files that a host, a search engine or a preview of a link asks for."""
    if failure or app.builder.format != "html":
        return
    site = Path(app.outdir)
    # Without it GitHub Pages drops every folder whose name begins with an underscore.
    (site / ".nojekyll").touch()
    if app.config.html_baseurl:
        preview_picture(site / PREVIEW)
        pages = [app.builder.get_target_uri(name) for name in sorted(app.env.found_docs)]
        text = sitemap(app.config.html_baseurl, pages)
        (site / "sitemap.xml").write_text(text, encoding="utf-8")


def sitemap(base: str, pages: list[str]) -> str:
    """The pages of a site as search engines read them.

    Args:
        base: address of the site, with a slash at its end.
        pages: addresses below it.
    """
    places = "".join(f"<url><loc>{escape(urljoin(base, page))}</loc></url>\n" for page in pages)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    schema = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'{head}<urlset xmlns="{schema}">\n{places}</urlset>\n'
