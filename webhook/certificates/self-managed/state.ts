/** The facts about a certificate that decisions use. Times are milliseconds since 1970. */
export interface CertificateInfo {
	/** SHA-256 of the whole certificate. */
	readonly id: string;
	/** Valid from this time on, and before `until`. */
	readonly from: number;
	readonly until: number;
}

/** A CA in the Secret. */
export interface SigningCa extends CertificateInfo {
	/** True if its private key is in the Secret. */
	readonly hasKey: boolean;
}

/** A CA that no longer signs. It is trusted as long as a certificate that it signed may be served. */
export interface RetiredCa extends CertificateInfo {
	/** The end of the last certificate that it signed. */
	readonly neededUntil: number;
}

/** The decoded Secret. What cannot be used (broken, without its key, for other names) counts as absent. */
export interface CertificateState {
	/** The CA that signed `leaf`. */
	readonly current: SigningCa | undefined;
	/** The CA that will sign once every API server trusts it. */
	readonly next: SigningCa | undefined;
	readonly leaf: CertificateInfo | undefined;
	readonly retired: readonly RetiredCa[];
}

/** The trusted certificates of the webhook configuration: the `caBundle` of each webhook. */
export type Trust = readonly (readonly CertificateInfo[])[];

/** True when every webhook of the webhook configuration trusts `id`. */
export function trusts(trust: Trust, id: string): boolean {
	return trust.every((bundle) => bundle.some((one) => one.id === id));
}

/**
 * The CAs that must be trusted, newest first. Only the Secret says whether one is over: replicas with
 * different clocks must agree.
 */
export function requiredCas({ next, current, retired }: CertificateState): readonly CertificateInfo[] {
	return [next, current, ...retired].filter((one) => one !== undefined);
}

/** True while the certificate is valid. */
export function isValid({ from, until }: CertificateInfo, now: number): boolean {
	return from <= now && now < until;
}
