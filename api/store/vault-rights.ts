import { z } from 'zod';

/** A line of a program's policy: a path inside the KV mount, where "+" is one name, and its capabilities. */
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

/** The policy of a program. */
export interface ProgramPolicy {
	/** The name of its file in `deploy/vault`. */
	readonly file: string;
	/** The lines without which an operation of the program fails. */
	readonly lines: readonly PolicyLine[];
	/** The lines that are missing if the program may not ask which ones it has; undefined: nobody knows. */
	readonly missingIfRefused: readonly string[] | undefined;
}

/**
 * The policy of the API. Lists of `detailed-metadata/` are not among the lines: without them the API lists in
 * another way.
 */
export const API_POLICY: ProgramPolicy = {
	file: 'api-policy.hcl',
	missingIfRefused: undefined,
	lines: [
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
		{ path: 'metadata/deployments/+/', capabilities: ['list'] },
		{ path: 'metadata/deployments/+/services/', capabilities: ['list'] },
		{ path: 'data/registry/*', capabilities: ['create', 'update'] },
		// Beside the Reveal program the API only reads who has access.
		{ path: 'data/registry/access/*', capabilities: ['read'] },
		// The sessions of the dashboard, sealed.
		{ path: 'data/registry/sessions/*', capabilities: ['create', 'update', 'read'] },
		{ path: 'metadata/registry/*', capabilities: ['read', 'patch', 'delete', 'list'] },
	],
};

/** The policy of the Reveal program itself; the one for a value is of a login of its own. */
export const REVEAL_POLICY: ProgramPolicy = {
	file: 'reveal-policy.hcl',
	// Earlier versions of the policy did not let the program ask.
	missingIfRefused: ['path "sys/capabilities-self" { capabilities = ["update"] }'],
	lines: [
		{ path: 'data/registry/access/*', capabilities: ['create', 'update', 'read'] },
		{ path: 'metadata/registry/access/*', capabilities: ['create', 'update', 'read', 'delete', 'list'] },
		{ path: 'metadata/deployments/+/', capabilities: ['list'] },
		...FOLDERS.filter((folder) => !folder.startsWith('users/')).map((folder) => ({
			path: `metadata/${folder}/+`,
			capabilities: ['read', 'patch'],
		})),
		{ path: 'metadata/templates/_typed/', capabilities: ['list'] },
		{ path: 'metadata/templates/_typed/+', capabilities: ['read'] },
		{ path: 'data/templates/_typed/+', capabilities: ['read'] },
	],
};

/** A path that a line applies to, with the mount. */
function examplePath(mount: string, { path }: PolicyLine): string {
	return `${mount}/${path.replaceAll('+', ANY_NAME).replace('*', ANY_NAME)}`;
}

/** The paths to send to `sys/capabilities-self`. */
export function pathsToCheck(mount: string, { lines }: ProgramPolicy): readonly string[] {
	return lines.map((line) => examplePath(mount, line));
}

const CAPABILITIES = z.object({ data: z.record(z.string(), z.unknown()) });

/**
 * The lines of a policy that a token lacks, as HCL.
 *
 * @param answer Vault's response to `pathsToCheck`
 * @returns undefined if the response has another format
 */
export function missingLines(
	mount: string,
	{ lines }: ProgramPolicy,
	answer: unknown,
): readonly string[] | undefined {
	const parsed = CAPABILITIES.safeParse(answer);
	if (!parsed.success) return undefined;
	const { data } = parsed.data;
	return lines
		.filter((line) => !isGranted(line, data[examplePath(mount, line)]))
		.map(
			({ path, capabilities }) =>
				`path "${mount}/${path}" { capabilities = [${capabilities.map((one) => `"${one}"`).join(', ')}] }`,
		);
}

function isGranted({ capabilities }: PolicyLine, granted: unknown): boolean {
	if (!Array.isArray(granted)) return false;
	return granted.includes('root') || capabilities.every((one) => granted.includes(one));
}
