import { z } from 'zod';

/** A line of the API's policy: a path inside the KV mount, where "+" is one name, and its capabilities. */
interface PolicyLine {
	readonly path: string;
	readonly capabilities: readonly string[];
}

/** The folders of secrets, as the policy writes them. */
const FOLDERS = [
	'orgs/+/secrets',
	'deployments/+/secrets',
	'deployments/+/services/+/secrets',
	'users/+/secrets',
];
const ANY_NAME = 'envtier-check';

/**
 * The lines without which an operation of the API fails. Lists of `detailed-metadata/` are not among them:
 * without them the API lists in another way.
 */
const LINES: readonly PolicyLine[] = [
	...FOLDERS.flatMap((folder): readonly PolicyLine[] => [
		{ path: `data/${folder}/+`, capabilities: ['create', 'update', 'patch'] },
		{ path: `delete/${folder}/+`, capabilities: ['update'] },
		{ path: `undelete/${folder}/+`, capabilities: ['update'] },
		{ path: `destroy/${folder}/+`, capabilities: ['update'] },
		{ path: `metadata/${folder}/+`, capabilities: ['read', 'patch', 'delete'] },
		{ path: `metadata/${folder}/`, capabilities: ['list'] },
	]),
	{ path: 'data/templates/*', capabilities: ['create', 'update', 'patch', 'read'] },
	{ path: 'delete/templates/*', capabilities: ['update'] },
	{ path: 'undelete/templates/*', capabilities: ['update'] },
	{ path: 'destroy/templates/*', capabilities: ['update'] },
	{ path: 'metadata/templates/*', capabilities: ['read', 'patch', 'delete', 'list'] },
];

/** A path that a line applies to, with the mount. */
function examplePath(mount: string, { path }: PolicyLine): string {
	return `${mount}/${path.replaceAll('+', ANY_NAME).replace('*', ANY_NAME)}`;
}

/** The paths to send to `sys/capabilities-self`. */
export function pathsToCheck(mount: string): readonly string[] {
	return LINES.map((line) => examplePath(mount, line));
}

const CAPABILITIES = z.object({ data: z.record(z.string(), z.unknown()) });

/**
 * The policy lines that a token lacks, as HCL.
 *
 * @param answer Vault's response to `pathsToCheck`
 * @returns undefined if the response has another format
 */
export function missingLines(mount: string, answer: unknown): readonly string[] | undefined {
	const parsed = CAPABILITIES.safeParse(answer);
	if (!parsed.success) return undefined;
	const { data } = parsed.data;
	return LINES.filter((line) => !isGranted(line, data[examplePath(mount, line)])).map(
		({ path, capabilities }) =>
			`path "${mount}/${path}" { capabilities = [${capabilities.map((one) => `"${one}"`).join(', ')}] }`,
	);
}

function isGranted({ capabilities }: PolicyLine, granted: unknown): boolean {
	if (!Array.isArray(granted)) return false;
	return granted.includes('root') || capabilities.every((one) => granted.includes(one));
}
