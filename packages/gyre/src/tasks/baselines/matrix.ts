import { loadPackage } from "../../util/packages.ts";

const algebra = await loadPackage("ml-matrix", () => import("ml-matrix"));

/** ml-matrix, an optional package that gyre/lab alone loads. Importing this throws PACKAGE_MISSING where it is not installed. */
export const { EigenvalueDecomposition, Matrix, pseudoInverse, solve } = algebra;
export type Matrix = InstanceType<typeof Matrix>;
