import { expect } from 'vitest';
import { stringify } from 'yaml';
import { podOf } from '../../webhook/support/pods.ts';
import { envtier } from './command.ts';

/** A pod that asks for secrets. */
export const POD = stringify(podOf());
/** One that asks by an annotation that nobody knows. */
export const REFUSED = stringify(podOf({ deployment: 'shop', sevrice: 'web' }));
/** One that asks for nothing. */
export const PLAIN = stringify(podOf({}));

/** What `--output json` says of `objects`, and how the command ended. */
export async function explained(
	objects: readonly unknown[],
	args: readonly string[] = [],
	env: Readonly<Record<string, string>> = {},
) {
	const input = objects.map((object) => stringify(object)).join('---\n');
	const ended = await envtier(['explain', '-', '--output', 'json', ...args], { input, env });
	expect(ended.stdout, ended.stderr).not.toBe('');
	return { ...ended, report: JSON.parse(ended.stdout) };
}
