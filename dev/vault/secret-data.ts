/** The fields of one secret. */
export type SecretData = Readonly<Record<string, unknown>>;
