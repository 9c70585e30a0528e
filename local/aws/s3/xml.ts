import { AwsError } from "../kernel/errors.ts";

/** A value of an XML document: a list repeats its element, `undefined` leaves it out. */
export type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [name: string]: Xml };

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** A whole document with one root element. */
export function xmlDocument(root: string, value: Xml, namespace = true): string {
  const body = element(root, value);
  return DECLARATION + (namespace ? body.replace(`<${root}`, `<${root} xmlns="${NAMESPACE}"`) : body);
}

function element(name: string, value: Xml): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.map((item) => element(name, item)).join("");
  if (typeof value !== "object") return `<${name}>${escaped(String(value))}</${name}>`;
  const members = Object.entries(value).map(([key, member]) => element(key, member));
  return `<${name}>${members.join("")}</${name}>`;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ESCAPES[c] ?? c).replace(/[\r\n\t]/g, (c) => `&#${c.charCodeAt(0)};`);
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, name: string) => {
    if (name.startsWith("#x") || name.startsWith("#X")) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith("#")) return String.fromCodePoint(Number(name.slice(1)));
    return NAMED[name] ?? whole;
  });
}

/**
 * The elements called `name` in a request body, each as the texts of its own elements. It reads the flat lists that
 * S3's requests are made of, not XML at large.
 * @throws AwsError `MalformedXML` when the root is not `root`
 */
export function readList(text: string, root: string, name: string): Record<string, string>[] {
  if (!new RegExp(`<${root}[\\s>][\\s\\S]*</${root}>\\s*$`).test(text))
    throw new AwsError(
      "MalformedXML",
      "The XML you provided was not well-formed or did not validate against our schema",
    );
  const items = text.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, "g"));
  return [...items].map(([, inner = ""]) => {
    const members = inner.matchAll(/<(\w+)>([\s\S]*?)<\/\1>/g);
    return Object.fromEntries([...members].map(([, key = "", value = ""]) => [key, unescaped(value)]));
  });
}

/** The text of an element that stands once in a request body. */
export function readText(text: string, name: string): string | undefined {
  const value = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(text)?.[1];
  return value === undefined ? undefined : unescaped(value);
}
