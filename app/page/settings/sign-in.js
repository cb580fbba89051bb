// The closed door: what a browser shows until somebody signs in.
import { make } from "../text/elements.js";
import { askForLink, findWanted, readSession, signIn, takeInvitation } from "../data/session.js";

class SignIn extends HTMLElement {
  /** Show the door instead of the page. */
  open() {
    if (!this.hidden) return;
    this.hidden = false;
    document.body.dataset.door = "closed";
    document.documentElement.dataset.ready = "yes";
    const invitation = takeInvitation();
    if (invitation) this.#welcome(invitation);
    else this.#ask();
  }

  /** An invitation is spent by a press, not by looking: programs that preview links look too. */
  #welcome(invitation) {
    const submit = (event) => this.#enter(event, invitation);
    this.#draw(
      make("p", {}, "You are invited. Once you are in, this browser stays signed in."),
      make("form", { submit }, make("button", { type: "submit" }, "Come in")),
    );
    this.querySelector("button").focus();
  }

  #ask() {
    const field = make("input", {
      type: "password",
      name: "token",
      autocomplete: "current-password",
      spellcheck: "false",
      required: true,
      "aria-describedby": "door-help",
    });
    const submit = (event) => this.#enter(event, field.value.trim());
    this.#draw(
      make(
        "form",
        { submit },
        make("label", {}, "Your token", field),
        make("button", { type: "submit" }, "Sign in"),
      ),
      make(
        "p",
        { class: "fact", id: "door-help" },
        "A personal token begins with etp_. Without one, ask for an invitation and open its link.",
      ),
    );
    field.focus();
    this.#offerLogin();
  }

  /** Where an issuer of the operator's logs people in, its way stands first; a link by e-mail stands last. */
  async #offerLogin() {
    const { login, link } = await readSession().catch(() => ({}));
    const main = this.querySelector("main");
    if (link && !this.querySelector(".by-mail")) main.querySelector(".said").before(this.#drawLink());
    if (!login || this.querySelector(".login")) return;
    const wanted = findWanted();
    const href = wanted === "/" ? login.address : `${login.address}?next=${encodeURIComponent(wanted)}`;
    main.querySelector("form").before(make("a", { class: "login", href }, `Log in with ${login.name}`));
  }

  #drawLink() {
    const address = make("input", { type: "email", name: "email", autocomplete: "email", required: true });
    const said = make("p", { class: "fact", role: "status" });
    const submit = async (event) => {
      event.preventDefault();
      said.textContent = await askForLink(address.value.trim()).catch((problem) => problem.message);
    };
    const send = make("button", { type: "submit", class: "quiet" }, "Send me a link");
    const label = make("label", {}, "Or by your e-mail address", address);
    return make("form", { class: "by-mail", submit }, label, send, said);
  }

  #draw(...parts) {
    const said = make("p", { class: "said", role: "alert" });
    this.replaceChildren(make("main", {}, make("h1", {}, "Evolution Todo"), ...parts, said));
  }

  async #enter(event, token) {
    event.preventDefault();
    const button = this.querySelector("button");
    button.disabled = true;
    try {
      await signIn(token);
    } catch (problem) {
      this.querySelector(".said").textContent = problem.message;
      button.disabled = false;
      if (problem.status === 401 && !this.querySelector("input")) this.#askInstead(problem.message);
    }
  }

  #askInstead(message) {
    this.#ask();
    this.querySelector(".said").textContent = message;
  }
}

customElements.define("sign-in", SignIn);
