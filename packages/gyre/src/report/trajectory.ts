/** Whether all steps of a trajectory are of equal size. */
export function isUniform(trajectory: readonly number[]): boolean {
  return trajectory.every((step) => Math.abs(step * trajectory.length - 1) < 1e-6);
}

/** A trajectory in whole units of 1 / `grid`; undefined where it does not lie on that grid. */
export function gridUnits(trajectory: readonly number[], grid: number): number[] | undefined {
  const units = trajectory.map((step) => Math.round(step * grid));
  const isOnGrid = trajectory.every((step, index) => Math.abs(step * grid - (units[index] as number)) < 1e-4);
  return isOnGrid ? units : undefined;
}

/** A trajectory as text, in units of 1 / `grid` where it lies on that grid: `(1 1 2 4)/8`. */
export function trajectoryText(trajectory: readonly number[], grid: number): string {
  const units = gridUnits(trajectory, grid);
  return units ? `(${units.join(" ")})/${grid}` : `(${trajectory.map((step) => step.toFixed(3)).join(" ")})`;
}
