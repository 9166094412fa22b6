import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

const LIST = Buffer.from('LIST ');

/** The method that replaces LIST for Node's HTTP/1 parser. Vault does not use it. */
export const LIST_AS = 'M-SEARCH';

/**
 * A connection on which `LIST /path` reads as `M-SEARCH /path`: Node's HTTP/1 parser does not know Vault's
 * method LIST. Only the first bytes of a request are changed, never a body. With pipelining, LIST works for
 * the first request only.
 */
export class ListVerb extends Duplex {
	readonly #socket: Socket;
	#atStart = true;
	#held = Buffer.alloc(0);

	constructor(socket: Socket) {
		super();
		this.#socket = socket;
		socket.on('data', (chunk: Buffer) => {
			const translated = this.#translate(chunk);
			if (translated.length > 0 && !this.push(translated)) socket.pause();
		});
		socket.on('end', () => this.push(null));
		socket.on('error', (error) => this.destroy(error));
		socket.on('close', () => this.destroy());
	}

	/** The next bytes start another request. */
	expectRequest(): void {
		this.#atStart = true;
	}

	#translate(chunk: Buffer): Buffer {
		if (!this.#atStart) return chunk;
		const start = Buffer.concat([this.#held, chunk]);
		this.#held = Buffer.alloc(0);
		if (start.length < LIST.length && start.equals(LIST.subarray(0, start.length))) {
			this.#held = start;
			return this.#held.subarray(0, 0);
		}
		this.#atStart = false;
		if (!start.subarray(0, LIST.length).equals(LIST)) return start;
		return Buffer.concat([Buffer.from(`${LIST_AS} `), start.subarray(LIST.length)]);
	}

	override _read(): void {
		this.#socket.resume();
	}

	override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
		this.#socket.write(chunk, encoding, done);
	}

	override _final(done: (error?: Error | null) => void): void {
		this.#socket.end(done);
	}

	override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
		this.#socket.destroy();
		done(error);
	}
}
