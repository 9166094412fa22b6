import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../contract/result.ts';
import { halfJitter } from '../backoff.ts';
import type { KubernetesClient } from './client.ts';
import { type Change, type Listed, watchEvents } from './watch-events.ts';

/** The objects to watch, and what the view stores of each. */
export interface WatchOptions<T> {
	/** The collection: `/api/v1/namespaces`. */
	readonly path: string;
	/** `labelSelector`, `fieldSelector`; none by default. */
	readonly query?: Readonly<Record<string, string>>;
	/** True: the API server sends only the metadata. */
	readonly metadataOnly?: boolean;
	/** The stored value of an object; undefined: the object is not stored. */
	readonly keep: (object: Listed) => T | undefined;
	/**
	 * Called for every object that was added, changed or deleted (undefined); after a new list also for
	 * unchanged ones.
	 */
	readonly changed?: (key: string, kept: T | undefined) => void;
	/** Called after each complete list, when `changed` was called for its objects. */
	readonly listed?: () => void;
}

/** A view of a collection that follows the API server. */
export interface Watched<T> {
	/** By `name`, or `namespace/name`; undefined until the first list has come. */
	current(): ReadonlyMap<string, T> | undefined;
	/**
	 * Milliseconds since the API server last confirmed the view, which it does about once a minute. Infinite
	 * before the first list. While the age is small, the view is at most one message behind.
	 */
	age(): number;
	/** Ends a pause between two attempts. Call it when the API server is likely to be reachable again. */
	hurry(): void;
	close(): void;
}

/**
 * Objects in one response to a list. With 256 KiB of annotations each, they still fit into the response
 * limit.
 */
const PAGE = 50;
/** Lifetime of one watch in seconds. It is random, so that replicas don't start theirs together. */
const LIFETIME = { least: 240, most: 360 } as const;
/**
 * Milliseconds without a byte after which a connection counts as lost. The API server sends a bookmark about
 * every minute.
 */
const SILENCE = 150_000;
/** HTTP status for a version that the API server no longer has. */
const GONE = 410;
const BACKOFF = { first: 500, longest: 30_000 };
/** A watch that ends earlier than this, even without an error, is not restarted at once. In ms. */
const TOO_SHORT = 1_000;

/**
 * Lists a collection and watches it until it is closed. A watch that breaks off continues where it ended,
 * with growing pauses. If the API server no longer knows that version, everything is listed again. Each
 * problem, and its end, is logged once.
 */
export function watchList<T>(client: KubernetesClient, options: WatchOptions<T>, log: Logger): Watched<T> {
	const view = new View(options);
	const ending = new AbortController();
	void follow(client, options, view, ending.signal, log);
	return {
		current: () => view.items,
		age: () => performance.now() - view.heard,
		hurry: () => view.hurry(),
		close: () => ending.abort(),
	};
}

class View<T> {
	items: Map<string, T> | undefined;
	/** The version at which the watch continues; undefined: list everything again. */
	version: string | undefined;
	heard = Number.NEGATIVE_INFINITY;
	hurry: () => void = () => undefined;
	readonly #options: WatchOptions<T>;

	constructor(options: WatchOptions<T>) {
		this.#options = options;
	}

	replace(entries: readonly (readonly [string, T | undefined])[], version: string): void {
		const gone = new Set(this.items?.keys());
		this.items = new Map();
		this.version = version;
		this.heard = performance.now();
		for (const [key, kept] of entries) {
			gone.delete(key);
			this.#put(key, kept);
		}
		for (const key of gone) this.#put(key, undefined);
		this.#options.listed?.();
	}

	apply({ type, object }: Change): void {
		this.version = object.metadata.resourceVersion;
		this.heard = performance.now();
		if (type === 'BOOKMARK') return;
		this.#put(keyOf(object), type === 'DELETED' ? undefined : this.#options.keep(object));
	}

	#put(key: string, kept: T | undefined): void {
		if (kept === undefined) this.items?.delete(key);
		else this.items?.set(key, kept);
		this.#options.changed?.(key, kept);
	}
}

function keyOf({ metadata: { namespace, name } }: Listed): string {
	return namespace === undefined ? name : `${namespace}/${name}`;
}

async function follow<T>(
	client: KubernetesClient,
	options: WatchOptions<T>,
	view: View<T>,
	signal: AbortSignal,
	log: Logger,
): Promise<void> {
	const { path } = options;
	let failures = 0;
	let problem = '';
	const opened = (): void => {
		if (problem !== '') log.info({ path }, 'watching again');
		problem = '';
	};
	while (!signal.aborted) {
		const began = performance.now();
		const listed = view.version === undefined ? await list(client, options, view, signal) : ok(undefined);
		const ended = listed.ok ? await watch(client, options, view, signal, opened) : listed;
		if (signal.aborted) return;
		if (!ended.ok && ended.error !== problem) {
			problem = ended.error;
			log.warn({ path, problem }, 'a watch broke off; the last known state is used until it is back');
		}
		const isLong = performance.now() - began > TOO_SHORT;
		if (isLong) failures = 0;
		if (isLong && ended.ok) continue;
		failures += 1;
		const pause = halfJitter(BACKOFF, failures, Math.random());
		await rest(pause, view, signal);
	}
}

/** Sleeps. Calls of `hurry` shorten the sleep to the shortest pause. */
async function rest<T>(pause: number, view: View<T>, signal: AbortSignal): Promise<void> {
	const hurry = new AbortController();
	view.hurry = () => hurry.abort();
	const least = Math.min(pause, BACKOFF.first);
	const pauseFor = (ms: number, until: AbortSignal): Promise<void> =>
		sleep(ms, undefined, { signal: until, ref: false }).catch(() => undefined);
	await pauseFor(least, signal);
	await pauseFor(pause - least, AbortSignal.any([signal, hurry.signal]));
}

interface Page {
	readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
	readonly items?: readonly Listed[] | null;
}

async function list<T>(
	client: KubernetesClient,
	options: WatchOptions<T>,
	view: View<T>,
	signal: AbortSignal,
): Promise<Result<void>> {
	// What is kept is much smaller than the objects.
	const entries: (readonly [string, T | undefined])[] = [];
	for (let after = ''; ; ) {
		const query = new URLSearchParams({ ...options.query, limit: String(PAGE) });
		if (after !== '') query.set('continue', after);
		const page = await client.call<Page>({
			...{ method: 'GET', path: `${options.path}?${query}`, signal },
			accept: acceptOf('PartialObjectMetadataList', options),
		});
		if (!page.ok) return err(`list: ${page.error.message}`);
		for (const object of page.value.items ?? []) entries.push([keyOf(object), options.keep(object)]);
		after = page.value.metadata.continue ?? '';
		if (after !== '') continue;
		view.replace(entries, page.value.metadata.resourceVersion);
		return ok(undefined);
	}
}

function acceptOf<T>(kind: string, { metadataOnly = false }: WatchOptions<T>): string {
	return metadataOnly ? `application/json;as=${kind};g=meta.k8s.io;v=v1` : 'application/json';
}

async function watch<T>(
	client: KubernetesClient,
	options: WatchOptions<T>,
	view: View<T>,
	signal: AbortSignal,
	opened: () => void,
): Promise<Result<void>> {
	const seconds = LIFETIME.least + Math.floor(Math.random() * (LIFETIME.most - LIFETIME.least));
	const query = new URLSearchParams({
		...options.query,
		watch: 'true',
		allowWatchBookmarks: 'true',
		resourceVersion: view.version ?? '',
		timeoutSeconds: String(seconds),
	});
	const over = new AbortController();
	const answer = await client.stream({
		...{ method: 'GET', path: `${options.path}?${query}` },
		accept: acceptOf('PartialObjectMetadata', options),
		signal: AbortSignal.any([signal, over.signal]),
	});
	if (!answer.ok) {
		if (answer.error.status === GONE) view.version = undefined;
		return err(`watch: ${answer.error.message}`);
	}
	answer.value.setTimeout(SILENCE, () => over.abort());
	view.heard = performance.now();
	opened();
	for await (const event of watchEvents(answer.value)) {
		if (event.type === 'ERROR') {
			// Usually the version is too old. A new list resolves every such error.
			view.version = undefined;
			over.abort();
			return err(`watch: ${event.object.message ?? 'an error without a message'}`);
		}
		view.apply(event);
	}
	return ok(undefined);
}
