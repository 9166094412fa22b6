import type { Logger } from 'pino';
import type { CertificateSource, ServingCertificate } from '../../lib/tls/certificate-source.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Most certificates are renewed earlier than this. */
const EARLIEST = 14 * DAY;

/**
 * True when the remaining validity is so short that the renewal must have failed: two weeks, or the last
 * quarter of a short validity.
 */
export function expiresSoon({ notBefore, notAfter }: ServingCertificate, now: Date): boolean {
	const life = notAfter.getTime() - notBefore.getTime();
	return notAfter.getTime() - now.getTime() < Math.min(EARLIEST, life / 4);
}

/** Logs a warning once a day for a certificate that expires soon. Returns a function that stops it. */
export function warnBeforeExpiry(
	source: CertificateSource,
	log: Logger,
	{ look, again } = { look: HOUR, again: DAY },
): () => void {
	let lastWarning = Number.NEGATIVE_INFINITY;
	const timer = setInterval(() => {
		const pair = source.current();
		if (!expiresSoon(pair, new Date())) {
			lastWarning = Number.NEGATIVE_INFINITY;
			return;
		}
		if (performance.now() - lastWarning < again) return;
		lastWarning = performance.now();
		const days = Math.floor((pair.notAfter.getTime() - Date.now()) / DAY);
		log.warn({ notAfter: pair.notAfter, days }, 'the certificate expires soon and was not renewed');
	}, look).unref();
	return () => clearInterval(timer);
}
