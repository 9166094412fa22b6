import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../contract/result.ts';
import { type CertificateSource, isValidAt, type ServingCertificate } from './certificate-source.ts';
import { parseKeyPair } from './key-pair.ts';

/** Which files hold the pair, and how often they are looked at. */
export interface CertificateFiles {
	readonly certificateFile: string;
	readonly keyFile: string;
	/** Milliseconds between looks. Files are read again rather than watched: the kubelet swaps links, which watches miss. */
	readonly interval: number;
}

/** Follows a certificate and its key in two files. A new pair that is no good is logged once and the old one stays. */
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
		this.#timer = setInterval(() => void this.#look(), files.interval).unref();
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

	async #read(): Promise<Result<readonly [string, string]>> {
		const { certificateFile, keyFile } = this.#files;
		try {
			return ok(await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]));
		} catch (error) {
			return err(unreadable(error));
		}
	}

	/** Every look finds the same thing wrong; once is enough to hear of it. */
	#refuse(reason: string): void {
		if (reason !== this.#refused) this.#log.error({ reason }, 'new certificate refused, the old one stays');
		this.#refused = reason;
	}

	async #look(): Promise<void> {
		const texts = await this.#read();
		if (this.#closed) return;
		if (!texts.ok) {
			this.#refuse(texts.error);
			return;
		}
		const [certificate, key] = texts.value;
		if (certificate === this.#pair.certificate && key === this.#pair.key) {
			this.#refused = '';
			return;
		}
		const read = parseKeyPair(certificate, key, new Date());
		if (!read.ok) {
			this.#refuse(read.error);
			return;
		}
		this.#refused = '';
		this.#pair = read.value;
		this.#log.info({ notAfter: read.value.notAfter }, 'certificate changed');
		for (const listener of this.#listeners) listener(read.value);
	}
}

function unreadable(error: unknown): string {
	const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
	const path = error instanceof Error && 'path' in error ? ` ${String(error.path)}` : '';
	return `cannot read the file${path}: ${code}`;
}

/** Opens a pair of files. The first pair must be good: without one there is nothing to serve with. */
export function openCertificateFiles(files: CertificateFiles, log: Logger): Result<CertificateSource> {
	let texts: [string, string];
	try {
		texts = [readFileSync(files.certificateFile, 'utf8'), readFileSync(files.keyFile, 'utf8')];
	} catch (error) {
		return err(unreadable(error));
	}
	const pair = parseKeyPair(...texts, new Date());
	return pair.ok ? { ok: true, value: new FileSource(files, pair.value, log) } : pair;
}
