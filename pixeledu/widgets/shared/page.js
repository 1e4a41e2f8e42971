// What every figure does with the page: make elements, listen to its model, come and go, fail politely.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: element("button.wide", { type: "button", onclick: f }, "Play").
 * A name that starts with "svg:" makes an SVG element. Attributes that are functions become
 * listeners, false and null leave an attribute out.
 */
export function element(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.replace("svg:", "").split(".");
  const made = name.startsWith("svg:")
    ? document.createElementNS(SVG, tag)
    : document.createElement(tag);
  if (classes.length) made.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** A 16 × 16 icon from the path data of its outline, filled with the colour of the text. */
export function icon(path) {
  return element(
    "svg:svg",
    { viewBox: "0 0 16 16", width: 16, height: 16, fill: "currentColor", "aria-hidden": "true" },
    element("svg:path", { d: path }),
  );
}

/** Listen to a widget's model: { "change:speed": f }; returns a function that stops it. */
export function listen(model, handlers) {
  for (const [event, handler] of Object.entries(handlers)) model.on(event, handler);
  return () => {
    for (const [event, handler] of Object.entries(handlers)) model.off(event, handler);
  };
}

/**
 * Call `begin()` once, when a node is about to come into view; returns a function that stops waiting.
 */
export function whenSeen(node, begin) {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    begin();
  });
  watch.observe(node);
  return () => watch.disconnect();
}

/**
 * Put a figure into `el`; returns its clean-up, which calls `stops` and takes the figure away. Figures
 * of one name are numbered, so that each has a name of its own.
 */
export function shownIn(el, root, ...stops) {
  const name = root.getAttribute("aria-label");
  const names = [...document.querySelectorAll(".pixeledu[aria-label]")].map((figure) => {
    return figure.getAttribute("aria-label");
  });
  for (let i = 2; names.includes(root.getAttribute("aria-label")); i++) {
    root.setAttribute("aria-label", `${name} (${i})`);
  }
  el.replaceChildren(root);
  return () => {
    for (const stop of stops) stop();
    root.remove();
  };
}

/**
 * Make a widget's `render` of `draw(model, el)`, which puts a figure into `el` and returns its
 * clean-up. If it fails, say so where the figure would be: one figure with bad data must not take
 * the page with it.
 */
export function politely(draw) {
  return ({ model, el }) => {
    try {
      return draw(model, el);
    } catch (error) {
      el.replaceChildren(
        element(
          "div.pixeledu.pixeledu-problem",
          { role: "alert" },
          element("strong", {}, "This figure cannot be shown."),
          ` Its stored data are damaged: ${error.message}. Running the cell again may help.`,
        ),
      );
      return () => el.replaceChildren();
    }
  };
}
