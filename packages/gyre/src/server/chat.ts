import type { ChatMessage } from "./schemas.ts";

const names = { system: "System", developer: "System", user: "User", assistant: "Assistant" } as const;

/** What a base model might write when it goes on for the other side. */
export const chatStop = "\n\nUser:";

/**
 * The plain template: "System: …", "User: …" and "Assistant: …" with a blank line between, "Assistant:" at the end. A line
 * of a message that begins like a turn gets a space before it, so that no message can speak for another.
 */
export function chatPrompt(messages: readonly ChatMessage[]): string {
  const turns = messages.map(({ role, content }) => `${names[role]}: ${asWords(textOf(content))}`);
  return [...turns, "Assistant:"].join("\n\n");
}

const turnWords = [...new Set(Object.values(names))].map((name) => `\n${name}:`);

const asWords = (text: string): string =>
  turnWords.reduce((words, turn) => words.replaceAll(turn, turn.replace("\n", "\n ")), text);

function textOf(content: ChatMessage["content"]): string {
  return typeof content === "string" ? content : (content ?? []).map(({ text }) => text).join("");
}

/** The same template in Jinja, for clients that lay out chats themselves. */
export const chatTemplate = [
  "{%- for message in messages -%}{{ ",
  `${JSON.stringify(names)}[message['role']] }}: {{ (message['content'] or '')`,
  ...turnWords.map(
    (turn) => ` | replace(${JSON.stringify(turn)}, ${JSON.stringify(turn.replace("\n", "\n "))})`,
  ),
  ' }}{{ "\\n\\n" }}{%- endfor -%}',
  "{%- if add_generation_prompt -%}Assistant:{%- endif -%}",
].join("");
