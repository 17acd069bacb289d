import type { ChatMessage } from "./schemas.ts";

const names = { system: "System", developer: "System", user: "User", assistant: "Assistant" } as const;

/** What a base model might write when it goes on for the other side. */
export const chatStop = "\n\nUser:";

/** The plain template: "System: …", "User: …" and "Assistant: …" with a blank line between, "Assistant:" at the end. */
export function chatPrompt(messages: readonly ChatMessage[]): string {
  const turns = messages.map(({ role, content }) => `${names[role]}: ${textOf(content)}`);
  return [...turns, "Assistant:"].join("\n\n");
}

function textOf(content: ChatMessage["content"]): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("");
}
