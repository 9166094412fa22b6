import { err, ok, type Result } from '../../contract/result.ts';
import { type AdminClient, type ApplyFailure, readData, refused } from './client.ts';
import { difference, fieldLines, type Lines, policyLines } from './difference.ts';
import type { RolesAndPolicies } from './plan.ts';

/** Options: whether existing objects with other contents are replaced, and where the report goes. */
export interface ApplyOptions {
	readonly replace: boolean;
	readonly say: (line: string) => void;
}

/** One policy or role. */
interface SetupItem {
	/** `policy envtier_session` */
	readonly title: string;
	readonly path: string;
	readonly body: Readonly<Record<string, unknown>>;
	/** The contents as lines, from Vault's data at `path` or from `body`. */
	readonly lines: (data: Readonly<Record<string, unknown>>) => Lines;
}

/**
 * Writes the policies and the roles to Vault and reports each. Compares everything first: if something exists
 * with other contents and may not be replaced, the failure shows the differences, and nothing is changed.
 */
export async function apply(
	plan: RolesAndPolicies,
	client: AdminClient,
	{ replace, say }: ApplyOptions,
): Promise<Result<void, ApplyFailure>> {
	const read = await compare(itemsOf(plan), client);
	if (!read.ok) return read;
	const compared = read.value;
	const conflicts = compared.flatMap(({ item, different = [] }) =>
		different.length === 0 ? [] : [`${item.title} is there with other contents:`, ...shown(different)],
	);
	if (conflicts.length > 0 && !replace) return err(conflict(conflicts));
	for (const line of conflicts) say(line);
	for (const { item, different } of compared) {
		if (different?.length === 0) {
			say(`${item.title}: there already`);
			continue;
		}
		const response = await client.write(item.path, item.body);
		if (!response.ok) return response;
		if (response.value.status >= 300) return err(refused(response.value, `writing ${item.path}`));
		say(`${item.title}: ${different === undefined ? 'created' : 'replaced'}`);
	}
	return await writeSettings(plan, client, say);
}

/** Writes settings of Vault itself. Only its root namespace has them: elsewhere a refusal is reported. */
async function writeSettings(
	{ settings }: RolesAndPolicies,
	client: AdminClient,
	say: ApplyOptions['say'],
): Promise<Result<void, ApplyFailure>> {
	for (const { path, json } of settings) {
		const response = await client.write(path, JSON.parse(json) as Readonly<Record<string, unknown>>);
		if (!response.ok) return response;
		const { status } = response.value;
		say(
			status < 300
				? `setting ${path}: written`
				: `setting ${path}: refused (status ${status}); a token of Vault's root namespace must write it`,
		);
	}
	return ok(undefined);
}

/** An item, and its differences from the one in Vault; undefined when Vault has none. */
interface Comparison {
	readonly item: SetupItem;
	readonly different: Lines | undefined;
}

async function compare(
	items: readonly SetupItem[],
	client: AdminClient,
): Promise<Result<readonly Comparison[], ApplyFailure>> {
	const compared: Comparison[] = [];
	for (const item of items) {
		const current = await readData(client, item.path);
		if (!current.ok) return current;
		const data = current.value;
		const different = data && difference(item.lines(data), item.lines(item.body));
		compared.push({ item, different });
	}
	return ok(compared);
}

function itemsOf({ policies, roles }: RolesAndPolicies): readonly SetupItem[] {
	return [
		...policies.map(({ name, text }) => ({
			title: `policy ${name}`,
			path: `sys/policies/acl/${name}`,
			body: { policy: text },
			lines: ({ policy }: Readonly<Record<string, unknown>>) => policyLines(String(policy)),
		})),
		...roles.map(({ path, json }): SetupItem => {
			const body = JSON.parse(json) as Readonly<Record<string, unknown>>;
			return { title: `role ${path}`, path, body, lines: (data) => fieldLines(data, Object.keys(body)) };
		}),
	];
}

/** Maximum number of lines that are shown of one difference. */
const LINES_LIMIT = 100;

function shown(different: Lines): Lines {
	const lines = different.slice(0, LINES_LIMIT).map((line) => `  ${line}`);
	const more = different.length - lines.length;
	return more === 0 ? lines : [...lines, `  … and ${more} more lines`];
}

function conflict(lines: Lines): ApplyFailure {
	const cure =
		'nothing was changed: choose another name, or use --replace to overwrite the contents shown above';
	return { ending: 'conflict', message: [...lines, cure].join('\n') };
}
