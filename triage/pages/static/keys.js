// Keys, live updates that leave the focus where it is, and errors in words. Everything works without it, by clicks.
"use strict";

(() => {
  const LIVE_MS = 5000;
  const TOLD_MS = 20000;
  const find = (selector, within = document) => within.querySelector(selector);
  const rows = () => [...document.querySelectorAll(".rows .headline")];
  const current = () => document.activeElement?.closest?.("[data-incident]") ?? null;

  // What was said stays long enough to take it back; longer while the pointer or the focus is on it.
  let hiding = 0;
  function hideLater() {
    clearTimeout(hiding);
    hiding = setTimeout(() => (find("#toast:hover, #toast:focus-within") ? hideLater() : find("#toast").replaceChildren()), TOLD_MS);
  }

  function say(words) {
    const toast = find("#toast");
    const told = document.createElement("p");
    told.textContent = words;
    toast.replaceChildren(told);
    toast.className = "wrong";
    hideLater();
  }

  function move(step) {
    const links = rows();
    if (!links.length) return;
    const at = links.findIndex((each) => each.closest(".row") === document.activeElement?.closest(".row"));
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
    links[next].focus({ preventScroll: true });
    links[next].closest(".row").scrollIntoView({ block: "nearest" });
  }

  function judge(verdict) {
    const form = find(`.judge button[value="${verdict}"]`, current() ?? find("#judged") ?? document.createElement("div"));
    form?.click();
  }

  function follow(selector) {
    const link = find(selector);
    if (link) link.click();
    return Boolean(link);
  }

  function suppress() {
    const row = current();
    if (row?.matches(".row")) location.assign(`/incidents/${encodeURIComponent(row.dataset.incident)}/suppress`);
    else follow("#judged [data-suppress]") || follow("#toast [data-suppress]");
  }

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    t: () => judge("true"),
    f: () => judge("false"),
    u: () => judge("unsure"),
    z: () => follow("[data-undo]"),
    s: suppress,
    c: () => find("#comment")?.focus(),
    b: () => follow("[data-back]"),
    "/": () => find("#search")?.focus(),
    "?": () => find("#help")?.showModal(),
  };

  // On a phone the pages' names are wider than the window: the one that is open is to be seen.
  find(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, select, textarea, dialog")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-help]")) find("#help")?.showModal();
  });

  // Live: the list asks for itself, unless somebody is about to click in it or the page is not looked at.
  let touched = 0;
  document.addEventListener("pointermove", (event) => {
    if (event.target.closest?.("#found")) touched = Date.now();
  });
  setInterval(() => {
    const found = find("#found[data-live]");
    if (found && !document.hidden && Date.now() - touched > LIVE_MS && !find("dialog[open]")) htmx.trigger(found, "refresh");
  }, LIVE_MS);

  document.addEventListener("htmx:configRequest", (event) => {
    const found = find("#found[data-live]");
    if (event.detail.triggeringEvent?.type === "refresh" && found) event.detail.headers["X-Seen"] = found.dataset.seen;
  });

  // What has the focus keeps its place on the screen, and a judged one of a queue hands it on to the next.
  let before = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const active = document.activeElement;
    before = active?.id && event.detail.target.contains(active) ? { id: active.id, top: active.getBoundingClientRect().top } : null;
    before = before && { ...before, judged: event.detail.target.matches("[data-advance] > .row") };
  });
  document.addEventListener("htmx:afterSwap", () => {
    const kept = before && document.getElementById(before.id);
    if (!kept) return;
    if (document.activeElement !== kept) kept.focus({ preventScroll: true });
    scrollBy(0, kept.getBoundingClientRect().top - before.top);
    if (before.judged) kept.closest(".row").nextElementSibling?.querySelector(".headline")?.focus();
    before = null;
  });

  document.addEventListener("htmx:oobAfterSwap", hideLater);

  document.addEventListener("htmx:responseError", (event) => {
    const { status, responseText } = event.detail.xhr;
    say(responseText && responseText.length < 500 && !responseText.startsWith("<") ? responseText : `It failed, with ${status}; reload the page.`);
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.requestConfig.verb !== "get") say("Triage does not answer, and nothing was said. Try again.");
  });
})();
