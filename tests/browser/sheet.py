"""The sheet's elements by the names that a person would use."""

from contextlib import AbstractContextManager

from playwright.sync_api import Locator, Page, expect


def row(page: Page, title: str) -> Locator:
    return page.locator("task-row").filter(has=page.locator(".title bdi", has_text=title))


def section(page: Page, name: str) -> Locator:
    return page.locator("task-list .part").filter(has=page.get_by_role("heading", name=name, exact=True))


def circle(page: Page, title: str) -> Locator:
    return page.get_by_role("checkbox", name=f"Done: {title}")


def add(page: Page, title: str) -> None:
    page.get_by_role("textbox", name="Add a task").fill(title)
    page.keyboard.press("Enter")


def open_menu(page: Page, title: str) -> Locator:
    page.get_by_role("button", name=f"More for {title}").click()
    menu = page.get_by_role("dialog", name="Change the task")
    expect(menu).to_be_visible()
    return menu


def foot(page: Page) -> Locator:
    return page.locator("foot-line")


def begin_edit(page: Page, title: str) -> None:
    circle(page, title).focus()
    page.keyboard.press("e")


def edit(page: Page, title: str, new: str) -> None:
    begin_edit(page, title)
    page.get_by_role("textbox", name="Title").fill(new)
    page.keyboard.press("Enter")


def saving(page: Page) -> AbstractContextManager[object]:
    """Wait at the end for the answer to a change of a task that is made in it."""
    return page.expect_response(lambda response: response.request.method == "PATCH")
