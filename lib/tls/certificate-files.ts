import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../contract/result.ts';
import { type CertificateSource, isValidAt, type ServingCertificate } from './certificate-source.ts';
import { parseKeyPair } from './key-pair.ts';

/** The files of a certificate and its key, and the interval of reads. */
export interface CertificateFiles {
	readonly certificateFile: string;
	readonly keyFile: string;
	/** Milliseconds between reads, 10 s by default. The kubelet swaps links, which file watches miss. */
	readonly interval?: number;
}

const INTERVAL = 10_000;

/**
 * Opens a certificate and its key, and reads the files again at every interval. The error says why the first
 * pair is unusable. A later pair that is unusable is logged once, and the old one stays.
 */
export function openCertificateFiles(files: CertificateFiles, log: Logger): Result<CertificateSource> {
	let texts: [string, string];
	try {
		texts = [readFileSync(files.certificateFile, 'utf8'), readFileSync(files.keyFile, 'utf8')];
	} catch (error) {
		return err(unreadable(error));
	}
	const pair = parseKeyPair(...texts, new Date());
	return pair.ok ? ok(new FileSource(files, pair.value, log)) : pair;
}

class FileSource implements CertificateSource {
	readonly #files: CertificateFiles;
	readonly #log: Logger;
	readonly #timer: NodeJS.Timeout;
	#pair: ServingCertificate;
	#refused = '';
	#closed = false;
	#listeners: ((pair: ServingCertificate) => void)[] = [];

	constructor(files: CertificateFiles, pair: ServingCertificate, log: Logger) {
		this.#files = files;
		this.#pair = pair;
		this.#log = log;
		this.#timer = setInterval(() => void this.#reload(), files.interval ?? INTERVAL).unref();
	}

	current(): ServingCertificate {
		return this.#pair;
	}

	problem(now: Date): string | undefined {
		return isValidAt(this.#pair, now) ? undefined : 'the serving certificate is not valid now';
	}

	onChange(listener: (pair: ServingCertificate) => void): void {
		this.#listeners.push(listener);
	}

	close(): void {
		this.#closed = true;
		clearInterval(this.#timer);
	}

	async #reload(): Promise<void> {
		const pair = await this.#read();
		if (this.#closed) return;
		if (!pair.ok) {
			this.#refuse(pair.error);
			return;
		}
		this.#refused = '';
		if (pair.value === this.#pair) return;
		this.#pair = pair.value;
		this.#log.info({ notAfter: pair.value.notAfter }, 'certificate changed');
		for (const listener of this.#listeners) listener(pair.value);
	}

	/** The pair in the files; the current pair if they have not changed. */
	async #read(): Promise<Result<ServingCertificate>> {
		const { certificateFile, keyFile } = this.#files;
		try {
			const [certificate, key] = await Promise.all([
				readFile(certificateFile, 'utf8'),
				readFile(keyFile, 'utf8'),
			]);
			const same = certificate === this.#pair.certificate && key === this.#pair.key;
			return same ? ok(this.#pair) : parseKeyPair(certificate, key, new Date());
		} catch (error) {
			return err(unreadable(error));
		}
	}

	/** Logs a reason once, until it changes. */
	#refuse(reason: string): void {
		if (reason !== this.#refused) this.#log.error({ reason }, 'new certificate refused, the old one stays');
		this.#refused = reason;
	}
}

function unreadable(error: unknown): string {
	const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
	const path = error instanceof Error && 'path' in error ? ` ${String(error.path)}` : '';
	return `cannot read the file${path}: ${code}`;
}
