/** A map that holds so many entries at most: the one that was set longest ago goes first. */
export class LruMap<V> {
	readonly #most: number;
	readonly #entries = new Map<string, V>();

	constructor(most: number) {
		this.#most = most;
	}

	has(key: string): boolean {
		return this.#entries.has(key);
	}

	get(key: string): V | undefined {
		return this.#entries.get(key);
	}

	set(key: string, value: V): void {
		// A Map keeps the order of insertion.
		this.#entries.delete(key);
		this.#entries.set(key, value);
		for (const oldest of this.#entries.keys()) {
			if (this.#entries.size <= this.#most) break;
			this.#entries.delete(oldest);
		}
	}

	delete(key: string): void {
		this.#entries.delete(key);
	}
}
