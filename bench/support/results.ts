/**
 * Results of `bench/fetcher.ts`. docs/images/fetcher.json has the results that docs/performance.md shows.
 */
export interface FetcherResults {
	/** Date, as YYYY-MM-DD. */
	readonly date: string;
	readonly cores: number;
	readonly cases: readonly FetcherCase[];
}

/** One number of keys under one condition: medians of alternating runs. */
export interface FetcherCase {
	/** Keys in each of the three tiers. */
	readonly keys: number;
	readonly roundTripMs: number;
	readonly cold: boolean;
	readonly rounds: number;
	/** By the program's name in the bench: `fetcher`, `bao agent`, `node -e 0`. */
	readonly programs: Readonly<Record<string, Medians>>;
}

/** The cost of one run of a process. */
export interface Medians {
	readonly wallMs: number;
	readonly cpuMs: number;
	readonly peakMiB: number;
}

/** The names of the programs that a chart compares. */
export const FETCHER = 'fetcher';
export const AGENT = 'bao agent';
