import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { err, type Result } from '../../contract/result.ts';
import { parsePair } from './pair.ts';
import type { CertificateSource, Pair } from './source.ts';

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
	#pair: Pair;
	#refused = '';
	#listeners: ((pair: Pair) => void)[] = [];

	constructor(files: CertificateFiles, pair: Pair, log: Logger) {
		this.#files = files;
		this.#pair = pair;
		this.#log = log;
		this.#timer = setInterval(() => void this.#look(), files.interval).unref();
	}

	current(): Pair {
		return this.#pair;
	}

	onChange(listener: (pair: Pair) => void): void {
		this.#listeners.push(listener);
	}

	close(): void {
		clearInterval(this.#timer);
	}

	async #look(): Promise<void> {
		const { certificateFile, keyFile } = this.#files;
		try {
			const [certificate, key] = await Promise.all([
				readFile(certificateFile, 'utf8'),
				readFile(keyFile, 'utf8'),
			]);
			if (certificate === this.#pair.certificate && key === this.#pair.key) return;
			this.#take(parsePair(certificate, key, new Date()));
		} catch (error) {
			this.#take(err(unreadable(error)));
		}
	}

	#take(read: Result<Pair>): void {
		if (!read.ok) {
			if (read.error !== this.#refused)
				this.#log.error({ reason: read.error }, 'new certificate refused, the old one stays');
			this.#refused = read.error;
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
	const pair = parsePair(...texts, new Date());
	return pair.ok ? { ok: true, value: new FileSource(files, pair.value, log) } : pair;
}
