import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './run/programs.ts';

/** What the demo is to show. */
export interface Options {
	/** YAML file of a pod. */
	readonly pod: string;
	/** YAML file of the three tiers, as the embedded Vault reads it. */
	readonly secrets: string;
	readonly showValues: boolean;
}

/** Reads the command line. Throws an error whose message is for the person who typed it. */
export function readOptions(args: readonly string[]): Options {
	const { values } = parseArgs({
		args: [...args],
		options: {
			pod: { type: 'string', default: shortened(join(ROOT, 'examples/pod.yaml')) },
			secrets: { type: 'string', default: shortened(join(ROOT, 'examples/vault.yaml')) },
			'show-values': { type: 'boolean', default: false },
		},
	});
	return { pod: values.pod, secrets: values.secrets, showValues: values['show-values'] };
}

/** A path as someone in the current directory would write it. */
function shortened(path: string): string {
	const short = relative('', path);
	return short.startsWith('..') ? path : short;
}
