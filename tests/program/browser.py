"""A notebook in a real browser for the tests: Debian's Notebook and chromium, used as a user does."""
# SPDX-License-Identifier: MIT

import contextlib
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import unittest

import kernel
import support

try:
    from selenium import webdriver
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

PROGRAMS = "jupyter-notebook", "chromium", "chromedriver"
needs = unittest.skipUnless(webdriver and all(map(shutil.which, PROGRAMS)),
                            f"selenium, or one of {', '.join(PROGRAMS)}, is not installed")
WIDTH, HEIGHT = 1000, 1000
TYPED = """
var book = Jupyter.notebook, index = book.ncells() - 1;
book.select(index);
book.get_cell(index).set_text(arguments[0]);
book.get_cell(index).focus_editor();
return index;
"""
CLEARED = "Jupyter.notebook.delete_cells(Jupyter.notebook.get_cells().map((cell, index) => index));"
CONNECTED = """
return !!(window.Jupyter && Jupyter.notebook && Jupyter.notebook.kernel && Jupyter.notebook.kernel.is_connected());
"""
# A cell as it is seen. A page without a notebook shows nothing.
SEEN = """
if (!window.Jupyter || !Jupyter.notebook) return {text: document.body.innerText, over: false};
var cell = Jupyter.notebook.get_cell(arguments[0]), prompt = cell.element.find('.input_prompt').text();
return {text: cell.element.find('.output_area').text(), images: cell.element.find('.output_area img').length,
        over: !cell.element.hasClass('running') && !prompt.includes('*') && !Jupyter.notebook.kernel_busy};
"""
END = "return Jupyter.notebook.get_cell(-1).element[0].getBoundingClientRect().bottom;"


class Server:
    """Notebook's, for the notebooks in a folder; nothing of the user's is read."""

    def __init__(self, folder):
        self.folder, self.log = folder, f"{folder}/log"
        env = support.environment({"JUPYTER_PATH": f"{folder}/share/jupyter", "JUPYTER_RUNTIME_DIR": f"{folder}/run",
                                   "JUPYTER_CONFIG_DIR": f"{folder}/config", "JUPYTER_DATA_DIR": f"{folder}/data",
                                   "IPYTHONDIR": f"{folder}/ipython"})
        with socket.create_server(("localhost", 0)) as one:
            port = one.getsockname()[1]     # if somebody takes it meanwhile, the next one
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["jupyter-notebook", "--no-browser", "--allow-root", f"--port={port}", "--NotebookApp.token=",
                 f"--notebook-dir={folder}/books"], env=env, stdout=log, stderr=log, start_new_session=True)

    def address(self, end):
        """Where it is, as soon as it says so."""
        while time.monotonic() < end and self.process.poll() is None:
            for file in glob.glob(f"{self.folder}/run/nbserver-*.json"):
                with contextlib.suppress(ValueError), open(file, encoding="utf-8") as f:    # half of it is written
                    return json.load(f)["url"]
            time.sleep(0.1)
        with open(self.log, encoding="utf-8") as f:
            raise AssertionError(f"the server did not start: {f.read()}")

    def close(self):
        """With the kernels that it has started."""
        self.process.terminate()
        self.process.wait()


class Page:
    """An empty notebook of so many ranks, open in the browser."""

    def __init__(self, folder, ranks):
        self.timeout = 60 * support.SLOW
        self.cleanup = contextlib.ExitStack()
        name = kernel.install(folder, ranks)
        book = {"cells": [], "nbformat": 4, "nbformat_minor": 4,
                "metadata": {"kernelspec": {"name": name, "display_name": f"pympi ({ranks} ranks)"}}}
        os.mkdir(f"{folder}/books")
        with open(f"{folder}/books/heat.ipynb", "w", encoding="utf-8") as f:
            json.dump(book, f)
        try:
            server = self.cleanup.enter_context(contextlib.closing(Server(folder)))
            self.browser = start_browser(folder)
            self.cleanup.callback(self.browser.quit)
            self.browser.get(f"{server.address(time.monotonic() + self.timeout)}notebooks/heat.ipynb")
            self.until_connected()
        except BaseException:
            self.close()
            raise

    def close(self):
        self.cleanup.close()

    def script(self, text, *args):
        return self.browser.execute_script(text, *args)

    def until(self, what, holds, index=-1):
        """Wait until it holds; says else what the cell shows."""
        end = time.monotonic() + self.timeout
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come: {self.seen(index)}")
            time.sleep(0.1)

    def until_connected(self):
        self.until("the kernel", lambda: self.script(CONNECTED))

    def seen(self, index):
        """What a cell shows: its text, how many images, and whether it is over."""
        return self.script(SEEN, index)

    def type(self, code):
        """Into the last cell, and Shift-Enter; the cell's index."""
        index = self.script(TYPED, code)
        ActionChains(self.browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
        return index

    def run(self, code):
        """What is seen of a cell at its end."""
        index = self.type(code)
        return self.end(index)

    def end(self, index):
        self.until("its end", lambda: self.seen(index)["over"], index)
        time.sleep(0.3)     # until the page has drawn it
        return self.seen(index)

    def clear(self):
        """No cells, as at first."""
        self.script(CLEARED)

    def click(self, selector):
        """On what this selector of CSS finds, as soon as it is there and stands still."""
        found = []
        self.until(selector, lambda: found.extend(self.browser.find_elements(By.CSS_SELECTOR, selector)) or found)
        time.sleep(0.5)
        found[0].click()

    def act(self, action):
        """A button of the tool bar's."""
        self.click(f"[data-jupyter-action='jupyter-notebook:{action}']")

    def title(self):
        """What it shows as the kernel's name."""
        return self.browser.find_element(By.CSS_SELECTOR, ".kernel_indicator_name").text

    def picture(self, path):
        """Of the whole page, as high as its cells."""
        self.script("document.activeElement.blur(); document.querySelector('#site').scrollTop = 0")
        frame = HEIGHT - self.script("return window.innerHeight")
        self.browser.set_window_size(WIDTH, self.script(END) + frame + 15)
        time.sleep(0.5)
        self.browser.save_screenshot(path)
        self.browser.set_window_size(WIDTH, HEIGHT)


def start_browser(folder):
    """Nobody sees it; its profile is in the folder."""
    options = webdriver.ChromeOptions()
    for word in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "no-proxy-server",
                 f"window-size={WIDTH},{HEIGHT}", f"user-data-dir={folder}/chromium"):
        options.add_argument(f"--{word}")
    service = webdriver.chrome.service.Service(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


if __name__ == "__main__":
    sys.exit("browser.py holds no tests")
