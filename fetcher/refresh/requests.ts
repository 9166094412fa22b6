import { closeSync, openSync, readSync } from 'node:fs';

/** Pause between two looks at the file, in ms. */
const LOOK = 5_000;

/**
 * Minimum time between two checks by request, in ms. Whoever may annotate the pod can cause no more requests
 * to Vault than this allows.
 */
export const SHORTEST_PAUSE = 10_000;

/** Maximum length of a request, in bytes. A longer text is no request. */
const LONGEST = 64;

/** A request for a check outside of the period. */
export interface CheckRequest {
	/** The text of the annotation. */
	readonly request: string;
}

/** Where requests come from. */
export interface Requests {
	/** Resolves when a request came. Later requests that come too soon wait, and count as one. */
	next(): Promise<CheckRequest>;
	close(): void;
}

/** The file and what is known of earlier requests. */
export interface RequestOptions {
	/** The kubelet writes the annotation of the pod into it; undefined: there are no requests. */
	readonly file: string | undefined;
	/** The request that was served last, by this process or one before. */
	readonly served: string;
}

/** Watches a file for requests. It compares texts and believes no time in them. */
export function watchRequests({ file, served }: RequestOptions): Requests {
	let last = served;
	let lastTime = Number.NEGATIVE_INFINITY;
	let coming = Promise.withResolvers<CheckRequest>();
	if (file === undefined) return { next: () => coming.promise, close: () => undefined };
	const look = (): void => {
		const request = readRequest(file);
		const now = performance.now();
		if (request === '' || request === last || now - lastTime < SHORTEST_PAUSE) return;
		last = request;
		lastTime = now;
		coming.resolve({ request });
		coming = Promise.withResolvers();
	};
	const timer = setInterval(look, LOOK);
	return { next: () => coming.promise, close: () => clearInterval(timer) };
}

/** The text of the file; empty if it cannot be read or is too long. */
function readRequest(path: string): string {
	let file: number | undefined;
	try {
		file = openSync(path, 'r');
		const bytes = Buffer.alloc(LONGEST + 1);
		const size = readSync(file, bytes);
		return size > LONGEST ? '' : bytes.toString('utf8', 0, size);
	} catch {
		return '';
	} finally {
		if (file !== undefined) closeSync(file);
	}
}
