// Who is signed in here, and the ways in and out.
import { forget } from "./kept.js";
import { call } from "./service.js";

/** What the service says of this window: `{auth, signed_in, name, scopes, login, link}`; `auth` is `local` where nobody signs in. */
export function readSession() {
  return call("GET", "/api/session");
}

/** Sign in by a personal token or an invitation, then go where the person wanted to. */
export async function signIn(token) {
  await call("POST", "/api/session", { body: { token } });
  location.replace(findWanted());
}

/** Ask for a link by e-mail; return what is said of it, which is the same for every address. */
export async function askForLink(email) {
  return (await call("POST", "/api/session/link", { body: { email } })).message;
}

/** Return where the person wanted to go. Only our own pages: an address in a link may say anything. */
export function findWanted() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "";
  return /^\/(docs|confirm\/[\w-]{1,64}|consent\/[\w-]{1,64}|mail\/[\w.-]{1,128}|authorize\?[!-~]*)$/.test(wanted) ? wanted : "/";
}

/** Sign out in this browser, or in all of them. */
export async function signOut(everywhere) {
  await forget();
  await call("DELETE", `/api/session${everywhere ? "?everywhere=true" : ""}`);
  location.replace("/");
}

/** Return the invitation in this page's address, and take it out of the address. */
export function takeInvitation() {
  const found = /^#invitation=([\w-]+)$/.exec(location.hash);
  if (!found) return "";
  history.replaceState(null, "", location.pathname + location.search);
  return found[1];
}
