// Searching in pages that are opened as files: a browser starts no worker there, so a hidden frame does its work.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      const inner = frame.contentWindow;
      const told = (message) => {
        const event = new MessageEvent("message", { data: message });
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      };
      const load = (address) =>
        new Promise((loaded, failed) => {
          const script = inner.document.createElement("script");
          script.src = address;
          script.onload = loaded;
          script.onerror = failed;
          inner.document.head.appendChild(script);
        });
      inner.document.open();
      inner.document.write("<!doctype html><html><head></head><body></body></html>");
      inner.document.close();
      inner.importScripts = (...addresses) =>
        addresses.reduce((before, each) => before.then(() => load(new URL(each, url))), Promise.resolve());
      inner.postMessage = told;
      load(url).then(() => {
        this.inner = inner;
        this.waiting.splice(0).forEach((message) => this.postMessage(message));
      });
    }
    postMessage(message) {
      if (this.inner) this.inner.dispatchEvent(new MessageEvent("message", { data: message }));
      else this.waiting.push(message);
    }
    terminate() {}
  };
}
