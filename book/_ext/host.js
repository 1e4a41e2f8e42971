// Where the trained models draw in a worker; a page that was opened as a file can have none.
if (location.protocol.startsWith("http")) {
  globalThis.pixeleduEngine = new URL("pixeledu-engine.js", document.currentScript.src).href;
}

// Draws every <pixeledu-widget> of a page without a kernel: its JSON becomes the model that the
// widget's module would otherwise get from Jupyter.
class PixeleduWidget extends HTMLElement {
  connectedCallback() {
    if (!this.querySelector(STATE)) return; // drawn already, and only moved within the page
    inTurn.push(this);
    if (inTurn.length === 1) channel.port2.postMessage(null);
  }

  draw() {
    const json = this.querySelector(STATE);
    if (!json || !this.isConnected) return;
    const el = document.createElement("div");
    try {
      const widget = widgets[this.dataset.name];
      if (!widget) throw new Error("this page's script does not hold it");
      const model = modelOf(JSON.parse(json.textContent));
      widget.initialize?.({ model });
      widget.render({ model, el });
      json.remove();
      const still = document.createElement("section"); // what stands for the figure on paper
      still.className = "pixeledu-still";
      still.hidden = true;
      still.append(...this.childNodes);
      this.replaceChildren(el, still);
    } catch (error) {
      console.error(`The widget ${this.dataset.name} cannot be drawn:`, error); // its fallback stays
    }
  }
}

// One figure at a time: between two of them the page has its turn.
const STATE = "script[type='application/json']";
const inTurn = [];
const channel = new MessageChannel();
channel.port1.onmessage = () => {
  inTurn.shift()?.draw();
  if (inTurn.length) channel.port2.postMessage(null);
};

function modelOf(state) {
  const listeners = {};
  return {
    get: (key) => state[key],
    set(key, value) {
      if (state[key] === value) return;
      state[key] = value;
      for (const event of [`change:${key}`, "change"]) {
        for (const listener of [...(listeners[event] ?? [])]) listener();
      }
    },
    on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
    off: (event, listener) => (listener ? listeners[event]?.delete(listener) : delete listeners[event]),
    save_changes() {}, // nobody to tell
  };
}

customElements.define("pixeledu-widget", PixeleduWidget);
