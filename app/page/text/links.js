// Addresses in a person's text made clickable: the text stays text, and only http and https lead anywhere.
import { make } from "./elements.js";

const ADDRESS = /\bhttps?:\/\/[^\s<>"“”]+/gi;

/** Return a text as parts, its addresses as links. */
export function linkText(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    // The punctuation of the sentence around it is no part of an address, nor is a bracket that it does not open.
    let address = match[0].replace(/[.,;:!?'…]+$/, "");
    while (address.endsWith(")") && address.split(")").length > address.split("(").length) address = address.slice(0, -1);
    if (!isAddress(address)) continue;
    parts.push(text.slice(end, match.index));
    parts.push(make("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, address));
    end = match.index + address.length;
  }
  parts.push(text.slice(end));
  return parts.filter(Boolean);
}

function isAddress(text) {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
