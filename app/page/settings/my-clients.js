// The way into an editor or a chat program on this computer: one click each.
import { make } from "../text/elements.js";
import { readSession } from "../data/session.js";

const NAME = "evolution-todo";

class MyClients extends HTMLElement {
  /** Show the links; nothing where a program would need a token, which a link cannot carry. */
  async open() {
    const session = await readSession().catch(() => ({}));
    if (session.auth !== "local") {
      this.replaceChildren();
      return;
    }
    const url = `${location.origin}/mcp`;
    const named = encodeURIComponent(JSON.stringify({ name: NAME, type: "http", url }));
    const config = `name=${NAME}&config=${encodeURIComponent(btoa(JSON.stringify({ url })))}`;
    const links = [
      ["VS Code", `vscode:mcp/install?${named}`],
      ["Cursor", `cursor://anysphere.cursor-deeplink/mcp/install?${config}`],
      ["LM Studio", `lmstudio://add_mcp?${config}`],
    ];
    this.replaceChildren(
      make("h3", {}, "In my editor or chat program"),
      make("p", { class: "links" }, ...links.map(([name, href]) => make("a", { href }, `Add to ${name}`))),
      make("p", { class: "fact" }, `Any other program that speaks MCP takes the address ${url}`),
    );
  }
}

customElements.define("my-clients", MyClients);
