"""Looking through a page for what its words must not have become."""

from __future__ import annotations

from playwright.async_api import Page

_HARMFUL = """() => {
    const all = [...document.querySelectorAll("*")];
    const named = "iframe, object, embed, base, form[action], style, meta[http-equiv], [srcdoc]";
    return [
        ...document.querySelectorAll(named),
        ...all.filter((one) => [...one.attributes].some((it) => /^on/i.test(it.name))),
        ...[...document.querySelectorAll("script")].filter((one) => !/^\\/assets\\//.test(one.getAttribute("src"))),
        ...[...document.querySelectorAll("img")].filter((one) => !/^(blob:|data:image\\/)/.test(one.src)),
        ...[...document.querySelectorAll("a[href]")].filter((one) => one.origin !== location.origin
            && !(/^https?:$/.test(one.protocol) && /noopener/.test(one.rel))),
    ].map((one) => one.outerHTML);
}"""
_UNSEEN = r"""() => [...document.body.innerText].filter((one) => /[\u0000-\u0008\u000b-\u001f\u200b\ufeff]/.test(one)
    || /[\u202a-\u202e\u2066-\u2069]/.test(one)).length"""


async def require_harmless(page: Page) -> None:
    """No element, handler, picture or link has come of what somebody wrote, and no character that hides or turns round
    others is among the text."""
    found = await page.evaluate(_HARMFUL)
    assert found == [], found
    assert await page.evaluate(_UNSEEN) == 0


async def require_fits(page: Page, what: str) -> None:
    """The page is not wider than its window."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{what} is wider than the window"
