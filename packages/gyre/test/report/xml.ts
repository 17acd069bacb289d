export interface XmlElement {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** The character data directly inside. */
  readonly text: string;
}

const token = /<(\/?)([A-Za-z][\w.-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y;
const attribute = /([\w:-]+)="([^"]*)"/g;
const entity = /&(?:(amp|lt|gt|quot);|.{0,8})/g;
const texts = { amp: "&", lt: "<", gt: ">", quot: '"' } as const;

/** Parses the part of XML that figures use; throws on anything that is not well-formed. */
export function parseXml(source: string): XmlElement {
  const stack: { tag: string; attributes: Record<string, string>; children: XmlElement[]; text: string }[] = [
    { tag: "", attributes: {}, children: [], text: "" },
  ];
  token.lastIndex = 0;
  while (token.lastIndex < source.length) {
    const at = token.lastIndex;
    const match = token.exec(source);
    if (!match) throw new Error(`not well-formed at: ${source.slice(at, at + 60)}`);
    const [, closing, tag = "", list = "", isEmpty, characters] = match;
    const open = stack.at(-1);
    if (!open) throw new Error("an element closes after the root");
    if (characters !== undefined) open.text += unescapeXml(characters);
    else if (closing) {
      stack.pop();
      if (open.tag !== tag || stack.length === 0) throw new Error(`</${tag}> closes <${open.tag}>`);
    } else {
      const pairs = [...list.matchAll(attribute)].map(([, key = "", value = ""]) => [
        key,
        unescapeXml(value),
      ]);
      const attributes = Object.fromEntries(pairs) as Record<string, string>;
      if (Object.keys(attributes).length !== pairs.length) throw new Error(`<${tag}> repeats an attribute`);
      const child = { tag, attributes, children: [], text: "" };
      open.children.push(child);
      if (!isEmpty) stack.push(child);
    }
  }
  const [top, ...unclosed] = stack;
  const [root, ...others] = top?.children ?? [];
  if (unclosed.length > 0 || !root || others.length > 0 || top?.text.trim()) throw new Error("not one root");
  return root;
}

/** Every element below, in the order of the text. */
export function descendants(root: XmlElement): XmlElement[] {
  return root.children.flatMap((child) => [child, ...descendants(child)]);
}

function unescapeXml(text: string): string {
  return text.replace(entity, (found, name?: keyof typeof texts) => {
    if (!name) throw new Error(`unknown entity ${found}`);
    return texts[name];
  });
}
