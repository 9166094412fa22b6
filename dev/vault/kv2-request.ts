import type { VaultRequest } from './request.ts';
import type { Secret } from './versions.ts';

/** One request to one secret or folder of a KV v2 engine. */
export interface Kv2Request {
	/** By path without `data/` or `metadata/`. */
	readonly secrets: Map<string, Secret>;
	readonly path: string;
	readonly request: VaultRequest;
	/** Milliseconds since 1970. */
	readonly now: number;
}
