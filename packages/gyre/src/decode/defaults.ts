/**
 * How text is written where nothing is said: in the library, on the command line and in the server. The model's own
 * distribution, and always the same text.
 */
export const textDefaults = { temperature: 1, topP: 1, seed: 0, maxTokens: 200 } as const;
