import { needsTexts, noVariant, unknownTask } from "../errors.ts";
import type { TokenTask } from "../task.ts";
import { brevo } from "./brevo.ts";
import { depo } from "./depo.ts";
import { dyck } from "./dyck.ts";
import { groupNames } from "./groups.ts";
import { pHop, pointers } from "./hops.ts";
import { igsm } from "./igsm.ts";
import { mano } from "./mano.ts";
import { maze } from "./maze.ts";
import { copy, reverse } from "./strings.ts";
import { sudoku } from "./sudoku.ts";
import { addition, modularSum, parity } from "./sums.ts";
import { CLASSIFY } from "./texts.ts";
import { variables } from "./variables.ts";
import { prefixSum, words } from "./words.ts";

/** The forms of each task; the first is the usual one. */
const forms: readonly (readonly TokenTask[])[] = [
  groupNames.map(words),
  [parity],
  [5, 10, 23].map(modularSum),
  [prefixSum],
  [addition],
  [64, 256].map(pHop),
  [16, 32].map(pointers),
  (["math", "code"] as const).map(variables),
  [mano],
  (["small", "depo1", "depo2"] as const).map(depo),
  (["small", "brevo1", "brevo2"] as const).map(brevo),
  [maze(6, 12), maze(10, 24)],
  [sudoku({ height: 2, width: 2 }, 10), sudoku({ height: 2, width: 3 }, 22)],
  [copy],
  [reverse],
  [igsm],
  [2, 3, 4].map(dyck),
];

/** Every task of tokens in its usual form. */
export const tokenTasks: readonly TokenTask[] = forms.map(([usual]) => usual as TokenTask);

/** Every form of the task of that name. Throws TASK_NAME, and TASK_TEXTS for one that is made of labelled texts. */
export function formsOf(name: string): readonly TokenTask[] {
  if (name === CLASSIFY) throw needsTexts(name);
  const found = forms.find(([usual]) => usual?.name === name);
  if (found) return found;
  throw unknownTask(
    name,
    tokenTasks.map((task) => task.name),
  );
}

/**
 * The task of that name, in its usual form or another. Throws TASK_NAME, TASK_TEXTS, TASK_VARIANT.
 *
 * @example
 * const task = tokenTaskNamed("words", "S5");
 * const { tokens, targets } = task.draw({ seed: 1, stream: "train 0", batch: 64, difficulty: 24 });
 */
export function tokenTaskNamed(name: string, variant?: string): TokenTask {
  const all = formsOf(name);
  const found = variant === undefined ? all[0] : all.find((task) => task.variant === variant);
  if (found) return found;
  throw noVariant(
    name,
    String(variant),
    all.flatMap((task) => task.variant ?? []),
  );
}
