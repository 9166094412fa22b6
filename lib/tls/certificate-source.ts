/** A serving certificate with its chain, and its private key; both PEM text. */
export interface ServingCertificate {
	readonly certificate: string;
	readonly key: string;
	readonly notBefore: Date;
	readonly notAfter: Date;
}

/** A source of serving certificates. `current` is always a pair that was valid when it was read. */
export interface CertificateSource {
	current(): ServingCertificate;
	/** Why the current certificate is unusable at `now`; undefined if usable. */
	problem(now: Date): string | undefined;
	/** Calls `listener` with every new pair. */
	onChange(listener: (pair: ServingCertificate) => void): void;
	close(): void;
}

/** True while clients accept the dates of `pair`. */
export function isValidAt(pair: ServingCertificate, time: Date): boolean {
	return pair.notBefore <= time && time < pair.notAfter;
}
