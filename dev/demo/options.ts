import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './run/programs.ts';

/** Options of the demo. */
export interface Options {
	/** Path of the YAML file of a pod. */
	readonly pod: string;
	/** Path of the YAML file with the three tiers, in the format of the embedded Vault. */
	readonly secrets: string;
	readonly showValues: boolean;
}

/** Parses the command line. Throws an error with a message for the user. */
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

/** The shortest path to the file from the current directory. */
function shortened(path: string): string {
	const short = relative('', path);
	return short.startsWith('..') ? path : short;
}
