import { exitRule } from "../decode/exits.ts";
import { describe } from "../models/describe.ts";
import { type Budget, conditions, type Spec } from "../models/spec.ts";
import { badField, budgetTooSmall, fieldRefused, fieldsTogether } from "./errors.ts";
import type { NamedDepth } from "./names.ts";
import type { CompletionRequest } from "./schemas.ts";

type DepthFields = Pick<CompletionRequest, "loops" | "trajectory" | "exit" | "max_flops_per_token">;

const depthFields = ["loops", "trajectory", "exit", "max_flops_per_token"] as const;

const contradictions = [
  ["trajectory", "loops", "a trajectory, which has its own number of loops, or loops"],
  ["exit", "trajectory", "a rule along the uniform trajectory of loops"],
  ["max_flops_per_token", "loops", "a budget in FLOPs or in loops"],
  ["max_flops_per_token", "trajectory", "a budget in FLOPs or a trajectory"],
  ["max_flops_per_token", "exit", "a number of loops that is known before"],
] as const;

/** How deep a request wants its tokens computed, by its fields or its model's name. Throws refusals that name the field. */
export function depthOf(
  fields: DepthFields,
  spec: Spec,
  maxLoops: number,
  named?: NamedDepth,
): { readonly budget: Budget; readonly exit?: string } {
  for (const [one, other, why] of contradictions) {
    if (fields[one] != null && fields[other] != null) throw fieldsTogether([one, other], why);
  }
  const asked = depthFields.find((field) => fields[field] != null);
  if (named && asked) throw fieldsTogether([asked, "model"], "a depth in a field, or in the model's name");
  const { loops, trajectory, exit, max_flops_per_token: flops }: DepthFields = named ?? fields;
  const name = named ? "model" : trajectory ? "trajectory" : "loops";
  const place = { model: "a model's name with ", trajectory: "a trajectory of ", loops: "" }[name];
  const count = trajectory?.length ?? loops ?? 1;
  if (count > maxLoops) throw badField(name, `${place}${count} loops`, `at most ${maxLoops} loops`);
  const full = Math.min(spec.loops, maxLoops);
  const budget = flops == null ? (trajectory ?? loops ?? full) : affordableLoops(spec, flops, full);
  checking(name, () => conditions(spec, budget));
  if (exit == null) return { budget };
  checking(named ? "model" : "exit", () => exitRule(exit));
  return { budget, exit };
}

/** FLOPs per token at 1 loop, 2 loops and so on to full depth. */
export function flopsByLoops(spec: Spec): number[] {
  const loops = Array.from({ length: spec.loops }, (_, index) => index + 1);
  return describe(spec, { loops }).budgets.map(({ flopsPerToken }) => flopsPerToken);
}

function affordableLoops(spec: Spec, flops: number, full: number): number {
  const costs = flopsByLoops(spec);
  const loops = costs.filter((cost) => cost <= flops).length;
  if (loops === 0) throw budgetTooSmall(flops, costs[0] as number);
  return Math.min(loops, full);
}

function checking(field: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw fieldRefused(field, error);
  }
}
