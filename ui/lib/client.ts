/** Why a call failed. `ended`: nobody is signed in. `offline`: no answer came. */
export interface Failure {
	readonly kind: 'ended' | 'offline' | 'refused';
	readonly status: number;
	/** The API's own sentence. */
	readonly message: string;
	readonly cells?: readonly {
		readonly index: number;
		readonly conflict: boolean;
		readonly message: string;
	}[];
}

/** The answer of the API. */
export type Answer<T> =
	| { readonly ok: true; readonly value: T; readonly next: string | undefined }
	| { readonly ok: false; readonly failure: Failure };

/** What a call may send. */
export interface Sent {
	readonly body?: unknown;
	/** A body that is sent as it is. */
	readonly yaml?: string;
	/** The organization that the call is about. */
	readonly org?: string | undefined;
	/** A token instead of the session's cookie: for the page of the Reveal program, which takes no cookie. */
	readonly token?: string;
	readonly signal?: AbortSignal;
}

/** Called when a call finds that the session has ended, or that it holds. */
export type SessionListener = (ended: boolean) => void;
const listeners = new Set<SessionListener>();

/** Tells when the session ends. Returns the function that stops it. */
export function onSession(listener: SessionListener): () => void {
	listeners.add(listener);
	return () => void listeners.delete(listener);
}

const OFFLINE = 'The server cannot be reached. Check your connection; nothing that you typed is lost.';
const FOREIGN = 'the answer did not come from the API';

/** Sends one call. The header is what makes the cookie count: other sites cannot send it. */
export async function call<T>(method: string, path: string, sent: Sent = {}): Promise<Answer<T>> {
	let response: Response;
	let text: string;
	try {
		response = await fetch(path, requestOf(method, sent));
		text = await response.text();
	} catch {
		return { ok: false, failure: { kind: 'offline', status: 0, message: OFFLINE } };
	}
	const { status } = response;
	const answer = parse(text);
	if (!response.ok) return { ok: false, failure: failureOf(status, answer) };
	// Such as the page on which a network wants people to sign in.
	if (answer === undefined && text !== '')
		return { ok: false, failure: { kind: 'refused', status, message: FOREIGN } };
	if (path.startsWith('/api/')) tell(false);
	return { ok: true, value: answer as T, next: response.headers.get('envtier-next-page') ?? undefined };
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function requestOf(method: string, { body, yaml, org, token, signal }: Sent): RequestInit {
	const headers: Record<string, string> = { 'envtier-client': 'dashboard', accept: 'application/json' };
	if (org) headers['envtier-org'] = org;
	if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
	const text = yaml ?? (body === undefined ? undefined : JSON.stringify(body));
	if (text !== undefined)
		headers['content-type'] = yaml === undefined ? 'application/json' : 'application/yaml';
	return {
		...{ method, headers, cache: 'no-store', redirect: 'error' },
		credentials: token === undefined ? 'same-origin' : 'omit',
		...(text === undefined ? {} : { body: text }),
		...(signal === undefined ? {} : { signal }),
	};
}

function failureOf(status: number, answer: unknown): Failure {
	const { error, cells } = (answer ?? {}) as { error?: string; cells?: Failure['cells'] };
	if (status === 401) tell(true);
	const kind = status === 401 ? 'ended' : 'refused';
	const message = error ?? `the server answered ${status}`;
	return { kind, status, message, ...(cells === undefined ? {} : { cells }) };
}

function tell(ended: boolean): void {
	for (const listener of listeners) listener(ended);
}
