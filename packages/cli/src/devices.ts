import process from "node:process";
import type { Command } from "commander";
import { type Device, type DeviceChoice, launched, type OpenDevice, openDevice } from "gyre/node";
import { ranksDevice } from "./errors.ts";

interface Chosen {
  readonly device?: DeviceChoice;
  readonly ranks?: number;
  readonly slurm?: boolean;
}

/**
 * Opens the device that a command is to compute on before it does anything, and says on standard error which it is and why.
 * Tasks of Slurm open theirs where they run.
 */
export async function openCommandDevice(command: Command): Promise<void> {
  const { device: choice = "cpu", ranks, slurm } = command.opts<Chosen>();
  if (slurm) return;
  const told = launched(process.env);
  const isShared = (ranks ?? told?.size ?? 1) > 1;
  if (isShared && choice !== "cpu" && choice !== "auto") throw ranksDevice(choice);
  const opened = isShared ? ofRanks : await openDevice(choice);
  command.setOptionValue("device", opened.device);
  // said by rank 0 alone, and not by what starts the ranks
  if (choice !== "cpu" && ranks === undefined && !told?.rank) console.error(deviceText(opened));
}

const ofRanks: OpenDevice = { device: "cpu", hosted: [], reason: "ranks compute on it" };

function deviceText({ device, hosted, reason }: OpenDevice): string {
  const operations = hosted.map(({ op }) => op).join(" and ");
  return [
    `device ${device}`,
    ...(operations ? [`the host computes ${operations}`] : []),
    ...(reason ? [reason] : []),
  ].join("; ");
}

/** The device that a run goes on with, opened: what was asked for, or its own. Throws RANKS_DEVICE, and what `openDevice` throws. */
export async function deviceOfRun(asked: Device | undefined, own: Device): Promise<Device> {
  if (asked !== undefined) return asked;
  if (own !== "cpu" && (launched(process.env)?.size ?? 1) > 1) throw ranksDevice(own);
  const opened = await openDevice(own);
  if (own !== "cpu") console.error(`${deviceText(opened)}; this run began on it`);
  return own;
}
