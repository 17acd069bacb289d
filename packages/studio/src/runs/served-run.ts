/** A run that the server of this page knows. */
export interface ServedRun {
  readonly name: string;
  readonly url: string;
  readonly problem?: string;
  readonly kind?: string;
  readonly family?: string;
  readonly parameters?: number;
  readonly layers?: number;
  readonly loops?: number;
  readonly step?: number;
  readonly steps?: number;
  readonly loss?: number;
  readonly isHeld?: boolean;
  /** Names of its reports, without `.json`. */
  readonly reports?: readonly string[];
}
