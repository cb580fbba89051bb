// The programs that I have connected, such as hosted assistants, and their end.
import { make, makeButton } from "../text/elements.js";
import { call } from "../data/service.js";
import { readSession } from "../data/session.js";
import { sayRights } from "./my-access.js";
import { tryOrSay } from "./panel-parts.js";

class MyConnections extends HTMLElement {
  /** Show the connections of whoever is signed in; nothing where no program can be connected. */
  async open() {
    const session = await readSession().catch(() => ({}));
    const mayDecide = session.auth === "token" && session.scopes?.includes("confirm");
    const { connections, address } = mayDecide ? await call("GET", "/api/connections") : { connections: [] };
    if (!connections.length && !address) {
      this.replaceChildren();
      return;
    }
    this.replaceChildren(
      make("h3", {}, "Connections"),
      connections.length
        ? make("ul", { class: "tokens" }, ...connections.map((connection) => this.#draw(connection)))
        : make("p", { class: "fact" }, "None yet."),
      ...(address ? [make("p", { class: "fact" }, `To connect an assistant, give it the address ${address}`)] : []),
    );
  }

  #draw(connection) {
    const used = connection.last_used_at ? `used ${connection.last_used_at.slice(0, 10)}` : "never used";
    return make(
      "li",
      {},
      make("span", {}, connection.name),
      make("span", { class: "fact" }, [connection.host, sayRights(connection.scopes), used].filter(Boolean).join(", ")),
      makeButton("End", () => this.#end(connection), { class: "quiet", "aria-label": `End ${connection.name}` }),
    );
  }

  #end(connection) {
    return tryOrSay(async () => {
      await call("DELETE", `/api/connections/${connection.id}`);
      await this.open();
    });
  }
}

customElements.define("my-connections", MyConnections);
