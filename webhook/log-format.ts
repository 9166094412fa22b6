/** How the log is written. */
export const LOG_FORMATS = ['auto', 'json', 'text'] as const;

/** One of these. */
export type LogFormat = (typeof LOG_FORMATS)[number];
