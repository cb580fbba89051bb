// The conversations there were: open one, or delete it.
import { make, makeButton, quote } from "../text/elements.js";
import { call } from "../data/service.js";
import { state } from "../data/state.js";
import { sayShort, toLocal } from "../text/when.js";

class ConversationList extends HTMLElement {
  /** Load and show the conversations; `pick` is called with the opened one, `lose` with the deleted one. */
  async open({ pick, lose }) {
    let conversations;
    try {
      ({ conversations } = await call("GET", "/api/conversations?limit=50"));
    } catch (problem) {
      this.replaceChildren(make("p", { class: "fact" }, problem.message));
      return;
    }
    const rows = conversations.map((each) => {
      const at = sayShort(toLocal(each.updated_at, state.me.zone), state.today);
      const title = each.title || "Untitled";
      const drop = async () => {
        try {
          await call("DELETE", `/api/conversations/${each.id}`);
          row.remove();
          lose(each.id);
        } catch (problem) {
          state.say(problem.message, true);
        }
      };
      const row = make(
        "li",
        {},
        make(
          "button",
          { type: "button", class: "open", click: () => pick(each.id) },
          quote(title),
          make("span", { class: "fact" }, ` ${at}`),
        ),
        makeButton("Delete", drop, { class: "quiet", "aria-label": `Delete: ${title}` }),
      );
      return row;
    });
    this.replaceChildren(
      rows.length ? make("ul", {}, ...rows) : make("p", { class: "fact" }, "There is no earlier conversation."),
    );
  }
}

customElements.define("conversation-list", ConversationList);
