// Refreshes the page's main part. Without this the page is complete, and as old as its loading.
"use strict";

(() => {
  const SHORTEST = 2;
  const USUAL = 15;

  const bar = document.getElementById("refresh");
  const announcement = document.getElementById("announcement");
  const said = document.createElement("span");
  const button = document.createElement("button");
  button.type = "button";
  bar.append(said, button);
  bar.hidden = false;

  let refreshed = Date.now();
  let lost = null;
  let paused = false;
  let timer = 0;
  let asking = null;

  const main = () => document.getElementById("main");

  function clock(time) {
    return new Date(time).toISOString().slice(11, 16) + " UTC";
  }

  function span(milliseconds) {
    const seconds = Math.round(milliseconds / 1000);
    if (seconds < 5) return "just now";
    if (seconds < 60) return `${seconds} s ago`;
    const minutes = Math.floor(seconds / 60);
    return minutes < 60 ? `${minutes} min ago` : `${Math.floor(minutes / 60)} h ago`;
  }

  /** Says how fresh the page is, in sight and without a voice. */
  function tell() {
    let words = `refreshed ${span(Date.now() - refreshed)}`;
    if (lost !== null) words = `cannot be reached since ${clock(lost)}`;
    else if (paused) words = `paused, ${words}`;
    if (said.textContent !== words) said.textContent = words;
    bar.classList.toggle("lost", lost !== null);
    button.textContent = paused ? "Resume" : "Pause";
    button.setAttribute("aria-label", paused ? "Resume refreshing" : "Pause refreshing");
  }

  /** Says aloud what a listener should know; not each refresh. */
  function announce(words) {
    announcement.textContent = words;
  }

  function waitFor(seconds) {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(refresh, seconds * 1000);
  }

  function wait() {
    const wished = Number(main().dataset.refreshSeconds) || USUAL;
    waitFor(Math.max(SHORTEST, wished));
  }

  /** Puts `fresh` in place of the main part: open details, the focus and the place on the page stay. */
  function replace(fresh) {
    const old = main();
    const before = document.getElementById("state")?.textContent.split(":")[0];
    for (const details of old.querySelectorAll("details[id]")) {
      const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
      if (same) same.open = details.open;
    }
    const focus = place(old, document.activeElement);
    const [x, y] = [window.scrollX, window.scrollY];
    old.replaceWith(document.adoptNode(fresh));
    if (focus) find(fresh, focus)?.focus({ preventScroll: true });
    window.scrollTo(x, y);
    const now = document.getElementById("state")?.textContent;
    if (now && before !== undefined && now.split(":")[0] !== before) announce(now);
  }

  /** How to find an element of `root` again: by id, or as the n-th of those that lead to the same place. */
  function place(root, element) {
    if (!element || !root.contains(element)) return null;
    if (element.id) return { selector: `#${CSS.escape(element.id)}`, index: 0 };
    const owner = element.closest("details[id]");
    let selector = element.tagName.toLowerCase();
    if (element.hasAttribute("href")) selector = `a[href="${CSS.escape(element.getAttribute("href"))}"]`;
    else if (owner) selector = `#${CSS.escape(owner.id)} > ${selector}`;
    return { selector, index: [...root.querySelectorAll(selector)].indexOf(element) };
  }

  function find(root, { selector, index }) {
    return root.matches(selector) ? root : root.querySelectorAll(selector)[index];
  }

  async function refresh() {
    clearTimeout(timer);
    asking?.abort();
    const question = new AbortController();
    asking = question;
    const deadline = setTimeout(() => question.abort(), 10000);
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: question.signal });
      if (!(answer.headers.get("content-type") || "").startsWith("text/html")) throw new Error("no page");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      if (!fresh) throw new Error("no page of the exporter");
      if (page.documentElement.dataset.assets !== document.documentElement.dataset.assets) {
        location.reload();
        return;
      }
      document.title = page.title;
      replace(fresh);
      refreshed = Date.now();
      if (lost !== null) announce("The exporter answers again.");
      lost = null;
    } catch {
      if (asking !== question) return;
      if (document.hidden || paused) return;
      if (lost === null) {
        lost = Date.now();
        announce("The exporter cannot be reached; the page shows what was known.");
      }
    } finally {
      clearTimeout(deadline);
      if (asking === question) asking = null;
    }
    tell();
    if (lost === null) wait();
    else waitFor(SHORTEST * 2);
  }

  button.addEventListener("click", () => {
    paused = !paused;
    tell();
    if (paused) {
      clearTimeout(timer);
      asking?.abort();
    } else {
      refresh();
    }
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else if (!paused) refresh();
  });

  setInterval(() => {
    if (!document.hidden) tell();
  }, 1000);

  tell();
  wait();
})();
