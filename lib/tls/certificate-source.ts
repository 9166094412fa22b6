/** A serving certificate with its chain, and the private key that belongs to it; both PEM text. */
export interface ServingCertificate {
	readonly certificate: string;
	readonly key: string;
	readonly notBefore: Date;
	readonly notAfter: Date;
}

/** Where serving certificates come from. Whatever happens at the source, `current` stays a pair that was good when it came. */
export interface CertificateSource {
	current(): ServingCertificate;
	/** Why `current` is none to be called with, if so. */
	problem(now: Date): string | undefined;
	/** Calls `listener` with every new pair. */
	onChange(listener: (pair: ServingCertificate) => void): void;
	close(): void;
}

/** True while `pair` may be shown to clients. */
export function isValidAt(pair: ServingCertificate, time: Date): boolean {
	return pair.notBefore <= time && time < pair.notAfter;
}
