import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Sample } from './checker.ts';

/** Reads every file of the current generation, as an application does; undefined if it has gone. */
function look(out: string): Sample | undefined {
	const from = Date.now();
	try {
		const generation = readlinkSync(join(out, '..data'));
		const directory = join(out, generation);
		const shell = readFileSync(join(directory, 'env'), 'utf8');
		const keys = readdirSync(join(directory, 'files'));
		const files = {
			env: Object.fromEntries(
				[...shell.matchAll(/^export (\w+)='([^']*)'$/gm)].map(([, key, value]) => [key, value]),
			),
			'env.json': JSON.parse(readFileSync(join(directory, 'env.json'), 'utf8')),
			files: Object.fromEntries(
				keys.map((key) => [key, readFileSync(join(directory, 'files', key), 'utf8')]),
			),
		};
		return { from, to: Date.now(), generation, files };
	} catch (thrown) {
		// A generation goes when the one after the next is written; a reader then begins again.
		if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
		throw thrown;
	}
}

/**
 * Looks again and again until it is stopped. Keeps what differs from the look before, and the last look.
 *
 * @param pauseMs between two looks, in a run that is too long to keep a core busy
 */
export function startReader(
	out: string,
	pauseMs = 0,
): { stop(): Promise<{ samples: readonly Sample[]; looks: number }> } {
	const samples: Sample[] = [];
	let [running, looks] = [true, 0];
	let last: Sample | undefined;
	const loop = (async () => {
		for (; running; looks += 1) {
			const sample = look(out);
			if (sample !== undefined) {
				if (last === undefined || different(last, sample)) samples.push(sample);
				last = sample;
			}
			await (pauseMs === 0 ? setImmediate() : sleep(pauseMs));
		}
		if (last !== undefined) samples.push(last);
	})();
	return {
		stop: async () => {
			running = false;
			await loop;
			return { samples, looks };
		},
	};
}

function different(one: Sample, other: Sample): boolean {
	return one.generation !== other.generation || JSON.stringify(one.files) !== JSON.stringify(other.files);
}
