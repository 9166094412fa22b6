import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../contract/result.ts';

/** A serving certificate with its chain and its key, as PEM text, named as Node's TLS options name them. */
export interface KeyPair {
	readonly cert: string;
	readonly key: string;
}

/** A pair of files that is followed. */
export interface CertificateFiles {
	current(): KeyPair;
	onChange(listener: (pair: KeyPair) => void): void;
	close(): void;
}

const INTERVAL = 10_000;

/**
 * Opens the files and reads them again every ten seconds (the kubelet swaps links, which watches miss). A new pair that is no good is
 * logged and the old one stays.
 */
export function openCertificateFiles(
	certificateFile: string,
	keyFile: string,
	log: Logger,
): Result<CertificateFiles> {
	const first = read(certificateFile, keyFile);
	if (!first.ok) return first;
	let pair = first.value;
	let refused = '';
	const listeners: ((pair: KeyPair) => void)[] = [];
	const reload = (): void => {
		const next = read(certificateFile, keyFile);
		if (!next.ok) {
			if (next.error !== refused)
				log.error({ reason: next.error }, 'new certificate refused, the old one stays');
			refused = next.error;
			return;
		}
		refused = '';
		if (next.value.cert === pair.cert && next.value.key === pair.key) return;
		pair = next.value;
		log.info('certificate changed');
		for (const listener of listeners) listener(pair);
	};
	const timer = setInterval(reload, INTERVAL).unref();
	return ok({
		current: () => pair,
		onChange: (listener) => void listeners.push(listener),
		close: () => clearInterval(timer),
	});
}

function read(certificateFile: string, keyFile: string): Result<KeyPair> {
	try {
		const pair = { cert: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
		return new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))
			? ok(pair)
			: err('the private key does not belong to the certificate');
	} catch (thrown) {
		const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'not PEM';
		return err(`the certificate or its key cannot be read (${code})`);
	}
}
